import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import type { Descriptor, IndexManifest, Manifest } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import type { FoundManifest } from '../registry/manifests.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { type Fetched, fetchConfig, fetchManifest, readManifest } from './fetch.ts'
import { completeness, knownManifests } from './known-content.ts'
import { learnArtifact, mayBeProvenance } from './learn-attestation.ts'
import {
  declaredByAnnotations,
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

/** Attestations followed of one digest. */
const referrerLimit = 32

type Source = Pick<Deps, 'sql'> & { client: RegistryClient; repository: string }

/**
 * Learns the content behind a digest: the manifest and its config; of an index every entry and its attestations.
 * What is known already is not fetched again (content never changes under its digest), what could not be had before is. Where
 * the registry can tell what refers to an image or index, the provenance among it is read as well; an artifact with a
 * subject, or in a fallback tag's index, speaks of that subject whichever of them comes first.
 * An index inside an index is stored for itself, and its entries also stand, in its place, among the outer one's.
 * Throws what may pass (time-out, 401, 5xx); what says something about the content becomes a row with its fault.
 * `found`: the manifest, where it was fetched already.
 */
export async function learn(
  d: Pick<Deps, 'sql'>,
  client: RegistryClient,
  repository: string,
  digest: Digest,
  mediaType: string,
  found?: FoundManifest,
): Promise<Learned> {
  const known = await completeness(d.sql, digest)
  if (known.complete) return { ...nothingLearned, sighted: [digest, ...known.entries] }
  const source = { sql: d.sql, client, repository }
  const fetched = found ? readManifest(found) : await fetchManifest(client, repository, digest)
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
  if (manifest.kind === 'artifact') {
    const artifact = await learnArtifact(s, digest, manifest)
    return { ...only(artifact.manifest), declarations: artifact.declarations }
  }
  if (manifest.kind === 'index') return only(observePlain(digest, manifest))
  const config = await fetchConfig(s.client, s.repository, manifest.config.digest)
  if (config.fault !== null) return only(observeAbsent(digest, manifest.mediaType, config.fault))
  const image = observeImage(digest, manifest, config.value)
  const learned = only(image.manifest)
  const own = { ...learned, declarations: [...learned.declarations, ...image.declarations] }
  return joined(own, await learnReferrers(s, digest))
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
  const own = {
    manifests: [observePlain(digest, index), ...parts.flatMap((part) => part.learned.manifests)],
    entries: [
      ...leaves.map((leaf, position) => ({ ...leaf, indexDigest: digest, position })),
      ...parts.flatMap((part) => part.learned.entries),
    ],
    declarations: [...declaredByAnnotations(digest, index), ...parts.flatMap((part) => part.learned.declarations)],
    sighted: [digest, ...parts.flatMap((part) => part.learned.sighted)],
  }
  return joined(own, await learnReferrers(s, digest))
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

/** An attestation manifest and its statements. */
async function learnAttestation(s: Source, index: IndexManifest, descriptor: Descriptor): Promise<Part> {
  const { digest, mediaType } = descriptor
  const annotated = parseDigest(descriptor.annotations['vnd.docker.reference.digest'])
  const fetched = await fetchManifest(s.client, s.repository, digest)
  const leaf = (attests: Digest | null) => [{ manifestDigest: digest, platform: null, attestation: true, attests }]
  if (fetched.value?.kind !== 'artifact') {
    const manifest = fetched.value
      ? observePlain(digest, fetched.value)
      : observeAbsent(digest, mediaType, fetched.fault!)
    return { leaves: leaf(annotated), learned: { ...nothingLearned, manifests: [manifest], sighted: [digest] } }
  }
  const { subject } = fetched.value
  const holder = { attached: annotated, within: index.manifests.map((entry) => entry.digest) }
  const { manifest, declarations, subjects } = await learnArtifact(s, digest, fetched.value, holder)
  return {
    leaves: leaf(annotated ?? subject ?? subjects[0] ?? null),
    learned: { manifests: [manifest], entries: [], declarations, sighted: [digest] },
  }
}

/**
 * What the registry says refers to an image or index and may be provenance of it: pushed before or after, its event lost or not. Those
 * known already have said what they say. Their times are their own, so none counts as seen here.
 */
async function learnReferrers(s: Source, digest: Digest): Promise<Learned> {
  const listed = (await s.client.listReferrers(s.repository, digest)) ?? []
  const wanted = listed.filter(mayBeProvenance).slice(0, referrerLimit)
  const known = await knownManifests(
    s.sql,
    wanted.map((referrer) => referrer.digest),
  )
  let learned = nothingLearned
  for (const referrer of wanted.filter((r) => !known.has(r.digest))) {
    const fetched = await fetchManifest(s.client, s.repository, referrer.digest)
    if (fetched.value?.kind === 'image' || fetched.value?.kind === 'index') continue
    learned = joined(learned, { ...(await learnOne(s, referrer.digest, referrer.mediaType, fetched)), sighted: [] })
  }
  return learned
}

const joined = (a: Learned, b: Learned): Learned => ({
  manifests: [...a.manifests, ...b.manifests],
  entries: [...a.entries, ...b.entries],
  declarations: [...a.declarations, ...b.declarations],
  sighted: [...a.sighted, ...b.sighted],
})
