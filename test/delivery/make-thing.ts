import { createHash } from 'node:crypto'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { Image, Line } from '../staleness/brute-content.ts'
import type { Build, Saying } from './story.ts'

/** An image of one platform: what the brute-force judge knows of it, and the bytes that a registry holds. */
export type Piece = {
  image: Image
  steps: Line[]
  env: string[]
  label: Word | null
  config: Buffer
  manifest: Buffer
}
/** What is said of one base: its name without the host (null: a bare digest), a digest, and the thing that is behind it. */
export type Word = { evidence: Saying['evidence']; name: string | null; digest: string | null; of: Thing | null }
/** What a tag can point at. `index` null: the one piece by itself. */
export type Thing = {
  head: string
  pieces: Piece[]
  index: { body: Buffer; attestations: { statement: Buffer; manifest: Buffer }[] } | null
  told: (Word & { subject: string })[]
}

export const sha = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest
const json = (value: object) => Buffer.from(JSON.stringify(value))
const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: sha(bytes), size: bytes.length })
/** The one blob behind every layer: what counts of a layer is its diffID. */
export const layerBlob = Buffer.from('a layer')
export const emptyBlob = Buffer.from('{}')
const slsa = 'https://slsa.dev/provenance/v1'
const never = Number.POSITIVE_INFINITY

/** Builds what an op describes, as a builder does: on the base's piece of each platform, or from scratch where it has none. */
export function makeThing(host: string, at: number, op: Build, things: readonly Thing[]): Thing {
  const pick = (i: number | null) => (i === null ? null : (things[i % Math.max(1, things.length)] ?? null))
  const words = op.says.flatMap((saying) => wordOf(saying, pick(saying.of)))
  const of = (evidence: Saying['evidence']) => words.filter((word) => word.evidence === evidence)
  const [annotation = null] = of('annotation')
  const [label = null] = of('label')
  const pieces = op.platforms.map((arch) => {
    const base = pick(op.on)?.pieces.find((p) => p.image.platform === `linux/${arch}`) ?? null
    return makePiece(host, at, op, arch, base, annotation, label ?? base?.label ?? null)
  })
  const told = pieces.flatMap(({ image, label }) =>
    [...of('provenance'), ...of('annotation'), ...(label ? [label] : [])].map((w) => ({ ...w, subject: image.id })),
  )
  const materials = of('provenance')
  if (pieces.length === 1 && !op.index && materials.length === 0)
    return { head: pieces[0]!.image.id, pieces, index: null, told }
  const attestations = materials.length === 0 ? [] : pieces.map(({ image }) => attest(host, image.id, materials))
  const body = indexOf(at, pieces, attestations)
  return { head: sha(body), pieces, index: { body, attestations }, told }
}

/** Nothing is said by a bare digest that is none, or of something without layers, which is no base. */
function wordOf({ evidence, name, form }: Saying, of: Thing | null): Word[] {
  const digest = of && (form === 'head' ? of.head : of.pieces[0]!.image.id)
  const bare = of?.pieces.every(({ steps }) => steps.some((step) => step.made !== null))
  return name === null && !bare ? [] : [{ evidence, name, digest, of }]
}

function makePiece(
  host: string,
  at: number,
  op: Build,
  arch: string,
  base: Piece | null,
  annotation: Word | null,
  label: Word | null,
): Piece {
  const own = Array.from({ length: op.layers }, (_, i) => ({ made: `${arch} ${at}.${i}`, by: `RUN ${at}.${i}` }))
  const steps: Line[] = [...(base?.steps ?? []), ...own, ...(op.env ? [{ made: null, by: `ENV E=${at}` }] : [])]
  const env = op.env ? [`E=${at}`] : (base?.env ?? [])
  const layers = steps.filter((s) => s.made !== null)
  const lines = op.history === 'none' ? layers : steps
  const history = steps.map(({ made, by }) =>
    made === null ? { created_by: by, empty_layer: true } : { created_by: op.history === 'blank' ? '' : by },
  )
  const config = json({
    os: 'linux',
    architecture: arch,
    ...(op.dated ? { created: new Date(at * 1000).toISOString() } : {}),
    config: { Env: env, Labels: { at: `${at}`, ...(label ? keysOf(host, label) : {}) } },
    rootfs: { type: 'layers', diff_ids: layers.map((s) => sha(Buffer.from(s.made!))) },
    ...(op.history === 'none' ? {} : { history }),
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor(mediaTypes.ociConfig, config),
    layers: layers.map(() => descriptor(mediaTypes.ociLayer, layerBlob)),
    ...(annotation ? { annotations: keysOf(host, annotation) } : {}),
  })
  const accounts = op.history === 'full' || layers.length === 0
  const facts = { lines, accounts, env: env.join(), created: op.dated ? at : null, pushed: never, seen: never }
  return { image: { id: sha(manifest), platform: `linux/${arch}`, ...facts }, steps, env, label, config, manifest }
}

const keysOf = (host: string, { name, digest }: Word): Record<string, string> => ({
  ...(name === null ? {} : { 'org.opencontainers.image.base.name': `${host}/${name}` }),
  ...(digest === null ? {} : { 'org.opencontainers.image.base.digest': digest }),
})

/** As BuildKit writes it. https://docs.docker.com/build/metadata/attestations/attestation-storage/ */
function attest(host: string, subject: string, materials: Word[]): { statement: Buffer; manifest: Buffer } {
  const resolvedDependencies = materials.map(({ name, digest }) => {
    const [repository = '', tag] = name === null ? ['bare'] : name.split(':')
    const path = [host, ...repository.split('/')].map(encodeURIComponent).join('/')
    const uri = `pkg:docker/${path}@${tag ?? encodeURIComponent(digest!)}`
    return { uri, ...(digest === null ? {} : { digest: { sha256: digest.slice('sha256:'.length) } }) }
  })
  const statement = json({
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: slsa,
    subject: [{ name: 'x', digest: { sha256: subject.slice('sha256:'.length) } }],
    predicate: {
      buildDefinition: { buildType: 'x', externalParameters: {}, resolvedDependencies },
      runDetails: { builder: { id: '' } },
    },
  })
  const layer = {
    ...descriptor('application/vnd.in-toto+json', statement),
    annotations: { 'in-toto.io/predicate-type': slsa },
  }
  const config = descriptor(mediaTypes.ociConfig, emptyBlob)
  return { statement, manifest: json({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }) }
}

function indexOf(at: number, pieces: Piece[], attestations: { manifest: Buffer }[]): Buffer {
  const entries = pieces.map(({ manifest, image }) => {
    const [os, architecture] = image.platform.split('/')
    return { ...descriptor(mediaTypes.ociManifest, manifest), platform: { os, architecture } }
  })
  const attesting = attestations.map(({ manifest }, i) => ({
    ...descriptor(mediaTypes.ociManifest, manifest),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': pieces[i]!.image.id,
    },
  }))
  const manifests = [...entries, ...attesting]
  return json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, annotations: { at: `${at}` }, manifests })
}
