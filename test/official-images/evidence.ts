import { createHash } from 'node:crypto'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { type Recipe, splitRef } from './graph.ts'

/** A FROM as it was resolved: the digests of the index and of the platform's manifest. */
export type Resolved = { name: string; index: string; image: string; role: 'runtime' | 'build' }
/** What a builder leaves: nothing but layers, an annotation (buildah), or provenance (BuildKit, two versions of SLSA). */
export type Evidence = 'layers' | 'annotation' | 'slsa-1' | 'slsa-0.2'

const kinds: Evidence[] = ['layers', 'annotation', 'slsa-1', 'slsa-0.2']
const json = (value: object) => Buffer.from(JSON.stringify(value))
const descriptor = (mediaType: string, bytes: Buffer) => ({
  mediaType,
  digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  size: bytes.length,
})

const drawOf = (source: string, byte: number) => createHash('sha256').update(source).digest()[byte]!

/** Some sources leave this, others that. Stages before the last leave no trace but in provenance. */
export function evidenceOf(source: string, bases: readonly Resolved[]): Evidence {
  if (bases.length === 0) return 'layers'
  const drawn = drawOf(source, 0) % 4
  return kinds[bases.length === 1 ? drawn : 2 + (drawn % 2)]!
}

export function annotationsOf(host: string, evidence: Evidence, [base]: readonly Resolved[]): object {
  if (evidence !== 'annotation' || !base) return {}
  return {
    annotations: {
      'org.opencontainers.image.base.name': `${host}/${base.name}`,
      'org.opencontainers.image.base.digest': base.image,
    },
  }
}

/** An attestation manifest as BuildKit pushes it. https://docs.docker.com/build/metadata/attestations/slsa-provenance/ */
export function attestationOf(
  host: string,
  evidence: Evidence,
  bases: readonly Resolved[],
  recipe: Recipe,
  subject: string,
): { config: Buffer; statement: Buffer; manifest: Buffer } | null {
  if (evidence !== 'slsa-1' && evidence !== 'slsa-0.2') return null
  // both are found: the digest of what the tag pointed at, or of the platform's manifest in it
  const whole = drawOf(subject, 0) % 2 === 0
  const materials = bases.map(({ name, index, image }) => ({
    uri: purlOf(host, name, recipe, evidence === 'slsa-1'),
    digest: { sha256: (whole ? index : image).slice('sha256:'.length) },
  }))
  const [predicateType, predicate] =
    evidence === 'slsa-1'
      ? [
          'https://slsa.dev/provenance/v1',
          {
            buildDefinition: { buildType: 'x', externalParameters: {}, resolvedDependencies: materials },
            runDetails: { builder: { id: '' } },
          },
        ]
      : ['https://slsa.dev/provenance/v0.2', { builder: { id: '' }, buildType: 'x', materials }]
  const statement = json({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType,
    subject: [{ name: '_', digest: { sha256: subject.slice('sha256:'.length) } }],
    predicate,
  })
  const config = json({
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [descriptor('', statement).digest] },
  })
  const layer = {
    ...descriptor('application/vnd.in-toto+json', statement),
    annotations: { 'in-toto.io/predicate-type': predicateType },
  }
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor(mediaTypes.ociConfig, config),
    layers: [layer],
  })
  return { config, statement, manifest }
}

/** `pkg:docker/HOST/NAME@TAG?platform=…`; for Windows newer builders add the version in brackets, as containerd's FormatAll has it. */
function purlOf(host: string, name: string, { platform, osVersion }: Recipe, versioned: boolean): string {
  const [repository, tag] = splitRef(name)
  const path = [host, ...repository.split('/')].map(encodeURIComponent).join('/')
  const said = osVersion === null || !versioned ? platform : platform.replace('windows', `windows(${osVersion})`)
  return `pkg:docker/${path}@${tag}?platform=${encodeURIComponent(said)}`
}
