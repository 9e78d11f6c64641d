import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { Digest } from '../oci/digest.ts'

/** One step of a build: the line of the Dockerfile it stands for, and the file it adds. */
export type Step = { command: string; path: string; text: string }

/** An image manifest with all it points at, ready to push. `layers` are gzipped tars, bottom to top. */
export type Content = { digest: Digest; manifest: Buffer; config: Buffer; layers: readonly Buffer[] }

type ConfigFile = {
  architecture: string
  os: string
  created: string
  config: { Env: string[]; Cmd: string[] }
  rootfs: { type: 'layers'; diff_ids: Digest[] }
  history: { created: string; created_by: string }[]
}

export const sha256 = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest

/**
 * What a builder makes of `FROM on` (null = scratch) and `steps`: the layers of `on`, one more a step, and the history
 * that goes with them. https://github.com/opencontainers/image-spec/blob/main/config.md
 */
export function makeContent(on: Content | null, steps: readonly Step[], created: Date): Content {
  const below = on ? (JSON.parse(on.config.toString()) as ConfigFile) : null
  const tars = steps.map((step) => tarOf(step.path, Buffer.from(step.text)))
  const layers = [...(on?.layers ?? []), ...tars.map((tar) => gzipSync(tar))]
  const config: ConfigFile = {
    architecture: 'amd64',
    os: 'linux',
    created: created.toISOString(),
    config: below?.config ?? { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: [...(below?.rootfs.diff_ids ?? []), ...tars.map(sha256)] },
    history: [
      ...(below?.history ?? []),
      ...steps.map((step) => ({ created: created.toISOString(), created_by: step.command })),
    ],
  }
  return pack(Buffer.from(JSON.stringify(config)), layers)
}

function pack(config: Buffer, layers: readonly Buffer[]): Content {
  const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: sha256(bytes), size: bytes.length })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
    }),
  )
  return { digest: sha256(manifest), manifest, config, layers }
}

/** A tar of one regular file (mode 644, owner root, time 0), as POSIX ustar has it. `path` is shorter than 100 bytes. */
function tarOf(path: string, body: Buffer): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, width: number) =>
    header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'ascii')
  header.write(path, 0, 'utf8')
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(body.length, 124, 12)
  octal(0, 136, 12)
  header.write('        0', 148, 'ascii')
  header.write('ustar\x0000', 257, 'ascii')
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512)
  return Buffer.concat([header, body, padding, Buffer.alloc(1024)])
}
