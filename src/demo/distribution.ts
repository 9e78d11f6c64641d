import type { Digest } from '../oci/digest.ts'
import { type Content, sha256 } from './make-content.ts'

/** What the registry holds under a tag: the head's digest, and its config's diffIDs and history lines. */
export type Seen = { digest: Digest; diffIds: Digest[]; commands: string[] }

async function expectStatus(response: Response, status: number, what: string): Promise<Response> {
  if (response.status === status) return response
  throw new Error(`${what}: the registry answered ${response.status} ${(await response.text()).slice(0, 200)}`)
}

/** Pushes as any client does: blobs, then the manifest. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push */
export async function push(registry: string, repository: string, tag: string, content: Content): Promise<void> {
  const root = `${registry}/v2/${repository}`
  for (const blob of [...content.layers, content.config]) {
    const digest = sha256(blob)
    if ((await fetch(`${root}/blobs/${digest}`, { method: 'HEAD' })).ok) continue
    const started = await expectStatus(
      await fetch(`${root}/blobs/uploads/`, { method: 'POST' }),
      202,
      'starting an upload',
    )
    const upload = new URL(started.headers.get('location') ?? '', registry)
    upload.searchParams.set('digest', digest)
    const headers = { 'content-type': 'application/octet-stream' }
    await expectStatus(
      await fetch(upload, { method: 'PUT', body: new Uint8Array(blob), headers }),
      201,
      `pushing ${digest}`,
    )
  }
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }
  const put = fetch(`${root}/manifests/${tag}`, { method: 'PUT', body: new Uint8Array(content.manifest), headers })
  await expectStatus(await put, 201, `pushing ${repository}:${tag}`)
}

/** Reads a tag back from the registry itself, so that nobody has to believe Drydock. */
export async function read(registry: string, repository: string, tag: string): Promise<Seen> {
  const root = `${registry}/v2/${repository}`
  const headers = {
    accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
  }
  const got = await expectStatus(
    await fetch(`${root}/manifests/${tag}`, { headers }),
    200,
    `reading ${repository}:${tag}`,
  )
  const bytes = Buffer.from(await got.arrayBuffer())
  const manifest = JSON.parse(bytes.toString()) as { config: { digest: Digest } }
  const blob = await expectStatus(await fetch(`${root}/blobs/${manifest.config.digest}`), 200, 'reading a config')
  const config = (await blob.json()) as { rootfs: { diff_ids: Digest[] }; history: { created_by?: string }[] }
  const commands = config.history.map((entry) => entry.created_by ?? '')
  return { digest: sha256(bytes), diffIds: config.rootfs.diff_ids, commands }
}
