import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import type { Descriptor, IndexManifest, Manifest } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import { type Provenance, parseProvenance } from '../oci/provenance.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { type Fetched, fetchConfig, fetchManifest, fetchStatement } from './fetch.ts'
import { completeness, knownManifests } from './known-content.ts'
import {
  declaredByAnnotations,
  declaredByProvenance,
  entryPlatform,
  isAttestation,
  type ObservedManifest,
  observeAbsent,
  observeImage,
  observePlain,
} from './observe.ts'
import { type Learned, nothingLearned, type ObservedEntry } from './save.ts'

/** Entries of an index that are followed, those of indexes inside it included; a real one has some dozens. */
const entryLimit = 1_000

/** Requests under way for one index. */
const width = 8

type Source = Pick<Deps, 'sql'> & { client: RegistryClient; repository: string }

/**
 * Learns the content behind a digest: the manifest and its config; of an index every entry and its attestations.
 * What is known already is not fetched again (content never changes under its digest), what could not be had before is.
 * An index inside an index is stored for itself, and its entries also stand, in its place, among the outer one's.
 * Throws what may pass (time-out, 401, 5xx); what says something about the content becomes a row with its fault.
 */
export async function learn(
  d: Pick<Deps, 'sql'>,
  client: RegistryClient,
  repository: string,
  digest: Digest,
  mediaType: string,
): Promise<Learned> {
  const known = await completeness(d.sql, digest)
  if (known.complete) return { ...nothingLearned, sighted: [digest, ...known.entries] }
  const source = { sql: d.sql, client, repository }
  const fetched = await fetchManifest(client, repository, digest)
  if (fetched.value?.kind === 'index') return learnIndex(source, digest, fetched.value, [])
  return learnOne(source, digest, mediaType, fetched)
}

/** A manifest that is no index. */
async function learnOne(s: Source, digest: Digest, mediaType: string, fetched: Fetched<Manifest>): Promise<Learned> {
  const only = (manifest: ObservedManifest): Learned => ({
    manifests: [manifest],
    entries: [],
    declarations: fetched.value ? declaredByAnnotations(digest, fetched.value) : [],
    sighted: [digest],
  })
  if (fetched.fault !== null) return only(observeAbsent(digest, mediaType, fetched.fault))
  const manifest = fetched.value
  if (manifest.kind !== 'image') return only(observePlain(digest, manifest))
  const config = await fetchConfig(s.client, s.repository, manifest.config.digest)
  if (config.fault !== null) return only(observeAbsent(digest, manifest.mediaType, config.fault))
  const image = observeImage(digest, manifest, config.value)
  const learned = only(image.manifest)
  return { ...learned, declarations: [...learned.declarations, ...image.declarations] }
}

/** `outer`: the indexes this one is inside of. */
async function learnIndex(s: Source, digest: Digest, index: IndexManifest, outer: Digest[]): Promise<Learned> {
  if (index.manifests.length > entryLimit || outer.length > 3)
    return learnOne(s, digest, index.mediaType, { value: null, fault: 'too-large' })
  const limit = pLimit(width)
  const known = await knownManifests(
    s.sql,
    index.manifests.map((descriptor) => descriptor.digest),
  )
  const parts = await Promise.all(
    index.manifests.map((descriptor) =>
      limit(async () => {
        if (isAttestation(descriptor)) return learnAttestation(s, index, descriptor)
        const platform = known.get(descriptor.digest)
        return platform === undefined ? learnEntry(s, descriptor, [...outer, digest]) : knownEntry(descriptor, platform)
      }),
    ),
  )
  const leaves = parts.flatMap((part) => part.leaves)
  return {
    manifests: [observePlain(digest, index), ...parts.flatMap((part) => part.learned.manifests)],
    entries: [
      ...leaves.map((leaf, position) => ({ ...leaf, indexDigest: digest, position })),
      ...parts.flatMap((part) => part.learned.entries),
    ],
    declarations: [...declaredByAnnotations(digest, index), ...parts.flatMap((part) => part.learned.declarations)],
    sighted: [digest, ...parts.flatMap((part) => part.learned.sighted)],
  }
}

type Leaf = Omit<ObservedEntry, 'indexDigest' | 'position'>
type Part = { leaves: Leaf[]; learned: Learned }

const platformLeaf = (descriptor: Descriptor, ofConfig: Platform | null): Leaf => ({
  manifestDigest: descriptor.digest,
  platform: entryPlatform(descriptor, ofConfig),
  attestation: false,
  attests: null,
})

const knownEntry = (descriptor: Descriptor, platform: Platform | null): Part => ({
  leaves: [platformLeaf(descriptor, platform)],
  learned: { ...nothingLearned, sighted: [descriptor.digest] },
})

async function learnEntry(s: Source, descriptor: Descriptor, outer: Digest[]): Promise<Part> {
  const { digest, mediaType } = descriptor
  const fetched = await fetchManifest(s.client, s.repository, digest)
  if (fetched.value?.kind !== 'index') {
    const learned = await learnOne(s, digest, mediaType, fetched)
    return { leaves: [platformLeaf(descriptor, learned.manifests[0]!.platform)], learned }
  }
  const learned = await learnIndex(s, digest, fetched.value, outer)
  const inner = learned.entries.filter((entry) => entry.indexDigest === digest)
  return { leaves: inner.map(({ indexDigest: _, position: __, ...leaf }) => leaf), learned }
}

/** An attestation manifest and its statements. A statement that cannot be read says nothing; one that is missing may come yet. */
async function learnAttestation(s: Source, index: IndexManifest, descriptor: Descriptor): Promise<Part> {
  const { digest, mediaType } = descriptor
  const fetched = await fetchManifest(s.client, s.repository, digest)
  const layers = fetched.value && fetched.value.kind !== 'index' ? fetched.value.layers : []
  const statements: { source: Digest; said: Fetched<Uint8Array> }[] = []
  for (const layer of layers.filter(holdsProvenance))
    statements.push({ source: layer.digest, said: await fetchStatement(s.client, s.repository, layer.digest) })
  const read = statements.flatMap(({ source, said }) => {
    const provenance = said.value && parseProvenance(said.value)
    return provenance ? [{ source, provenance }] : []
  })
  const missing = statements.find(({ said }) => said.fault === 'blob-not-found' || said.fault === 'digest-mismatch')
  const fault = fetched.fault ?? missing?.said.fault ?? null
  const attests = attestedDigest(index, descriptor, fetched.value, read[0]?.provenance)
  return {
    leaves: [{ manifestDigest: digest, platform: null, attestation: true, attests }],
    learned: {
      manifests: [
        fetched.value && !fault ? observePlain(digest, fetched.value) : observeAbsent(digest, mediaType, fault!),
      ],
      entries: [],
      declarations: attests === null ? [] : read.flatMap((r) => declaredByProvenance(attests, r.source, r.provenance)),
      sighted: [digest],
    },
  }
}

const holdsProvenance = (layer: Descriptor): boolean =>
  /in-toto|dsse/.test(layer.mediaType) &&
  (layer.annotations['in-toto.io/predicate-type'] ?? 'https://slsa.dev/provenance/').startsWith(
    'https://slsa.dev/provenance/',
  )

/** BuildKit says it in the descriptor's annotation; else the attestation's `subject`, else the one entry its statement speaks of. */
function attestedDigest(
  index: IndexManifest,
  descriptor: Descriptor,
  manifest: Manifest | null,
  said: Provenance | undefined,
): Digest | null {
  const annotated = parseDigest(descriptor.annotations['vnd.docker.reference.digest'])
  return (
    annotated ?? manifest?.subject ?? said?.subjects.find((s) => index.manifests.some((m) => m.digest === s)) ?? null
  )
}
