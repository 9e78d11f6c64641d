import { createHash } from 'node:crypto'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { Image, Line } from '../staleness/brute-judge.ts'
import type { Build, Saying } from './story.ts'

/** An image of one platform: what the brute-force judge knows of it, and the bytes that a registry holds. */
export type Piece = { image: Image; steps: Line[]; env: string[]; config: Buffer; manifest: Buffer }
/** One base that a piece names: `digest` as said, and the thing that is behind it. */
type Told = { subject: string; saying: Saying; digest: string | null; of: Thing | null }
/** What a tag can point at. `index` null: the one piece by itself. */
export type Thing = {
  head: string
  pieces: Piece[]
  index: { body: Buffer; attestations: { statement: Buffer; manifest: Buffer }[] } | null
  told: Told[]
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
  const digestOf = ({ of, form }: Saying) => {
    const thing = pick(of)
    return thing && (form === 'head' ? thing.head : thing.pieces[0]!.image.id)
  }
  const annotated = op.says.find((s) => s.evidence === 'annotation')
  const annotation = annotated ? { name: `${host}/${annotated.name}`, digest: digestOf(annotated) } : null
  const pieces = op.platforms.map((arch) => {
    const base = pick(op.on)?.pieces.find((p) => p.image.platform === `linux/${arch}`)
    return makePiece(at, op, arch, base ?? null, annotation)
  })
  const told = pieces.flatMap(({ image }) =>
    op.says.map((saying): Told => ({ subject: image.id, saying, digest: digestOf(saying), of: pick(saying.of) })),
  )
  const materials = op.says
    .filter((s) => s.evidence === 'provenance')
    .map((s) => ({ name: `${host}/${s.name}`, digest: digestOf(s) }))
  if (pieces.length === 1 && !op.index && materials.length === 0)
    return { head: pieces[0]!.image.id, pieces, index: null, told }
  const attestations = materials.length === 0 ? [] : pieces.map(({ image }) => attest(image.id, materials))
  const body = indexOf(at, pieces, attestations)
  return { head: sha(body), pieces, index: { body, attestations }, told }
}

type Named = { name: string; digest: string | null }

function makePiece(at: number, op: Build, arch: string, base: Piece | null, annotation: Named | null): Piece {
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
    config: { Env: env, Labels: { at: `${at}` } },
    rootfs: { type: 'layers', diff_ids: layers.map((s) => sha(Buffer.from(s.made!))) },
    ...(op.history === 'none' ? {} : { history }),
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor(mediaTypes.ociConfig, config),
    layers: layers.map(() => descriptor(mediaTypes.ociLayer, layerBlob)),
    ...(annotation ? { annotations: annotationsOf(annotation) } : {}),
  })
  const accounts = op.history === 'full' || layers.length === 0
  const facts = { lines, accounts, env: env.join(), created: op.dated ? at : null, pushed: never, seen: never }
  return { image: { id: sha(manifest), platform: `linux/${arch}`, ...facts }, steps, env, config, manifest }
}

const annotationsOf = ({ name, digest }: Named) => ({
  'org.opencontainers.image.base.name': name,
  ...(digest === null ? {} : { 'org.opencontainers.image.base.digest': digest }),
})

/** As BuildKit writes it. https://docs.docker.com/build/metadata/attestations/attestation-storage/ */
function attest(subject: string, materials: Named[]): { statement: Buffer; manifest: Buffer } {
  const resolvedDependencies = materials.map(({ name, digest }) => {
    const colon = name.lastIndexOf(':')
    const uri = `pkg:docker/${name.slice(0, colon).split('/').map(encodeURIComponent).join('/')}@${name.slice(colon + 1)}`
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
