import type { Digest } from '../oci/digest.ts'
import type { Descriptor, Manifest } from '../oci/manifest.ts'
import { isProvenance, type Provenance, parseProvenance } from '../oci/provenance.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { type Fetched, fetchStatement } from './fetch.ts'
import {
  type AttestationFault,
  declaredByProvenance,
  type Fault,
  type ObservedDeclaration,
  type ObservedManifest,
  observeAbsent,
  observePlain,
} from './observe.ts'
import type { ObservedOrigin } from './observe-origin.ts'

/** An artifact's row, what its statements declare, and of which digests they speak. */
export type LearnedArtifact = {
  manifest: ObservedManifest
  declarations: ObservedDeclaration[]
  subjects: Digest[]
}

type Artifact = Manifest & { kind: 'artifact' }

/** The index that lists an artifact: the digest it attaches it to, where it says so, and all that it lists. */
export type Holder = { attached: Digest | null; within: readonly Digest[] }

/** Statements read of one artifact, and subjects of one statement, at most. */
const statementLimit = 64
const subjectLimit = 16

/**
 * Reads the statements that an artifact holds. They speak of the digest that an index attaches it to, else of the artifact's own
 * `subject`, else of what each names: a signed one (so that a `sha256-….att` tag needs no name to be understood) of anything, a bare
 * one of what stands in the same index. A statement that cannot be read says nothing, and why is kept; one that is
 * missing makes the artifact absent, as it may come yet.
 */
export async function learnArtifact(
  s: { client: RegistryClient; repository: string },
  digest: Digest,
  artifact: Artifact,
  { attached, within }: Holder = { attached: null, within: [] },
): Promise<LearnedArtifact> {
  const manifest = observePlain(digest, artifact)
  const read: { layer: Descriptor; said: Provenance }[] = []
  const faults: AttestationFault[] = []
  let missing: Fault | null = null
  for (const layer of statementsOf(artifact).slice(0, statementLimit)) {
    const found = await readStatement(s, layer)
    if (found.fault !== null) missing = found.fault
    else if (typeof found.value === 'string') faults.push(found.value)
    else read.push({ layer, said: found.value })
  }
  const declarations: ObservedDeclaration[] = []
  const origins: ObservedOrigin[] = []
  const subjects = new Set<Digest>()
  for (const { layer, said } of read) {
    const source = layer.digest
    const spoken = spokenOf(said, attached ?? artifact.subject, enveloped.test(layer.mediaType) ? null : within)
    if (typeof spoken === 'string') faults.push(spoken)
    else
      for (const subject of spoken) {
        subjects.add(subject)
        declarations.push(...declaredByProvenance(subject, source, said))
        if (said.origin) origins.push({ ...said.origin, subject, evidence: 'provenance', source })
      }
  }
  const heard = subjects.size > 0
  return {
    manifest: missing
      ? { ...observeAbsent(digest, artifact.mediaType, missing), origins }
      : { ...manifest, fault: heard ? null : (faults[0] ?? null), origins: [...manifest.origins, ...origins] },
    declarations,
    subjects: [...subjects],
  }
}

/** `within` null: anything. */
function spokenOf(
  said: Provenance,
  attached: Digest | null,
  within: readonly Digest[] | null,
): Digest[] | AttestationFault {
  if (attached === null && said.subjects.length === 0) return 'no-subject'
  if (attached === null)
    return said.subjects.filter((s) => within === null || within.includes(s)).slice(0, subjectLimit)
  return said.subjects.length === 0 || said.subjects.includes(attached) ? [attached] : 'other-subject'
}

/** A layer whose annotation names another predicate need not be fetched. */
async function readStatement(
  s: { client: RegistryClient; repository: string },
  layer: Descriptor,
): Promise<Fetched<ReturnType<typeof parseProvenance>>> {
  const predicate = predicateOf(layer.annotations)
  if (predicate !== null && !isProvenance(predicate)) return { value: 'other-predicate', fault: null }
  const fetched = await fetchStatement(s.client, s.repository, layer.digest)
  if (fetched.fault === 'too-large') return { value: 'bad-statement', fault: null }
  return fetched.fault !== null ? fetched : { value: parseProvenance(fetched.value), fault: null }
}

const enveloped = /dsse|sigstore\.bundle/i
const statement = /in-toto|dsse|slsa|provenance|sigstore\.bundle/i
const bills = /spdx|cyclonedx|sbom|syft/i

/** Layers that hold statements: by their own media type, or JSON in an artifact that is called an attestation. */
const statementsOf = (artifact: Artifact): Descriptor[] =>
  artifact.layers.filter(
    ({ mediaType }) => statement.test(mediaType) || (/json/i.test(mediaType) && isAbout(artifact.artifactType)),
  )

const isAbout = (type: string | null): boolean => type !== null && statement.test(type) && !bills.test(type)

/** BuildKit's, cosign's and Sigstore's words for it. */
const predicateOf = (annotations: Record<string, string>): string | null =>
  annotations['in-toto.io/predicate-type'] ??
  annotations.predicateType ??
  annotations['dev.sigstore.bundle.predicateType'] ??
  null

/** What refers to a digest and may be provenance of it, by the words on its descriptor. */
export const mayBeProvenance = ({ artifactType, annotations }: Descriptor): boolean => {
  const predicate = predicateOf(annotations)
  if (predicate !== null) return isProvenance(predicate)
  return isAbout(artifactType) || Object.values(annotations).some((value) => /slsa\.dev\/provenance/.test(value))
}
