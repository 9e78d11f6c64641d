/**
 * in: how many manifests. out: the folder of a Distribution registry that holds them, written as the registry itself lays it out
 * (https://github.com/distribution/distribution/blob/main/registry/storage/paths.go), and their addresses.
 * guarantees: the same bytes for the same number; a tenth are bases, the others have one of them beneath.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type StoredImage = { repository: string; tag: string; manifest: Blob; config: Blob }
type Blob = { digest: string; bytes: Buffer }

const blobOf = (value: object): Blob => {
  const bytes = Buffer.from(JSON.stringify(value))
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes }
}
const diffId = (name: string): string => `sha256:${createHash('sha256').update(name).digest('hex')}`

export const tagsOfRepository = 50

/** The nth of them. Its layers are names only: nobody reads them. */
export function imageOf(n: number): StoredImage {
  const base = n % 10 === 0 ? null : n - (n % 10)
  const own = Array.from({ length: base === null ? 2 : 3 }, (_, k) => `layer ${n} ${k}`)
  const layers = [...(base === null ? [] : [`layer ${base} 0`, `layer ${base} 1`]), ...own]
  const config = blobOf({
    architecture: 'amd64',
    os: 'linux',
    created: new Date(1_700_000_000_000 + n * 1000).toISOString(),
    config: {
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin'],
      Cmd: ['/bin/app'],
      Labels: { 'org.example.number': String(n) },
    },
    rootfs: { type: 'layers', diff_ids: layers.map(diffId) },
    history: layers.flatMap((layer) => [
      { created_by: `RUN make ${layer}`, created: '2023-11-14T22:13:20Z' },
      { created_by: `ENV STEP=${layer}`, empty_layer: true },
    ]),
  })
  const manifest = blobOf({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.bytes.length },
    layers: layers.map((layer) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: diffId(`gzip ${layer}`),
      size: 1000,
    })),
  })
  const first = n - (n % tagsOfRepository)
  return { repository: `team${(first / tagsOfRepository) % 20}/app${first}`, tag: `t${n}`, manifest, config }
}

export function storeImages(folder: string, count: number): StoredImage[] {
  const root = join(folder, 'docker/registry/v2')
  const hex = (digest: string) => digest.slice('sha256:'.length)
  const put = (path: string, content: Buffer | string) => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return Array.from({ length: count }, (_, n) => {
    const image = imageOf(n)
    const { repository, tag, manifest, config } = image
    for (const { digest, bytes } of [manifest, config])
      put(`blobs/sha256/${hex(digest).slice(0, 2)}/${hex(digest)}/data`, bytes)
    const of = `repositories/${repository}`
    put(`${of}/_layers/sha256/${hex(config.digest)}/link`, config.digest)
    put(`${of}/_manifests/revisions/sha256/${hex(manifest.digest)}/link`, manifest.digest)
    put(`${of}/_manifests/tags/${tag}/current/link`, manifest.digest)
    put(`${of}/_manifests/tags/${tag}/index/sha256/${hex(manifest.digest)}/link`, manifest.digest)
    return image
  })
}
