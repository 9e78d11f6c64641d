import type { Instant } from '../oci/instant.ts'
import type { Platform } from '../oci/platform.ts'
import type { ManifestFacts } from './content.ts'

/** A tag was at `digest` from `from` until `to` (null = it is there now). `exact` false: since `from` or earlier. */
export type Span = { digest: string; from: Instant; to: Instant | null; exact: boolean }

/** A tag with its timeline, oldest first. Its head is the last span with `to` null; none = the tag is deleted. */
export type TagTimeline = {
  ref: string
  repository: string
  spans: Span[]
  /** kept beside a recipe's tag by us (TAG-prev, its candidate): it names a content, but nobody builds on it */
  helper?: boolean
}

export type IndexEntry = { manifestDigest: string; platform: Platform | null; attestation: boolean }

export type EvidenceKind = 'build' | 'provenance' | 'annotation' | 'label' | 'recipe' | 'layers'
export type BaseRole = 'runtime' | 'build' | 'unknown'

/** Why the FROM of a recipe names nothing that can be looked up. */
export type UnresolvedReason = 'unresolved-arg'

/** What `subject` (a manifest or index digest) says of one of its bases. `name` null: a bare digest, or (`reason`) nothing at all. */
export type Declaration = {
  subject: string
  evidence: EvidenceKind
  position: number
  name: string | null
  digest: string | null
  platform: Platform | null
  role: BaseRole | null
  pinned: boolean
  reason: UnresolvedReason | null
}

/** A cause stored for a tag outside the slice, as far as an inheriting tag needs it. */
export type StoredCause = {
  base: string
  toDigest: string
  detail: { platform: string; from: string | null; leftAt: Instant }[]
}

/** The rows a judgement rests on: the whole estate or a slice of it that is complete for the tags to be judged. */
export type WorldRows = {
  tags: TagTimeline[]
  manifests: ManifestFacts[]
  entries: ({ indexDigest: string } & IndexEntry)[]
  declarations: Declaration[]
  /** tags whose recipe says `on: all` */
  countBuild: string[]
  /** names (hosts) of the configured registries */
  hosts: string[]
  /** counted causes of tags that are not judged here */
  stored: Map<string, StoredCause[]>
}

/** The facts, indexed. Every look-up is by key; nothing here decides. */
export type World = {
  tag(ref: string): TagTimeline | undefined
  manifest(digest: string): ManifestFacts | undefined
  entries(index: string): IndexEntry[]
  declarations(subject: string): Declaration[]
  /** manifests whose whole chain is this chain id */
  withLastChain(chainId: string): ManifestFacts[]
  /** tags that were ever at this manifest, by itself or in an index */
  tagsEverAt(manifest: string): TagTimeline[]
  countsBuild(ref: string): boolean
  isConfigured(host: string): boolean
  storedCauses(ref: string): StoredCause[]
}

const grouped = <K, V>(items: Iterable<V>, key: (item: V) => K): Map<K, V[]> => {
  const groups = new Map<K, V[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}

export function makeWorld(rows: WorldRows): World {
  const tags = new Map(rows.tags.map((tag) => [tag.ref, tag]))
  const manifests = new Map(rows.manifests.map((manifest) => [manifest.digest, manifest]))
  const entries = grouped(rows.entries, (entry) => entry.indexDigest)
  const declarations = grouped(rows.declarations, (declaration) => declaration.subject)
  const byChain = grouped(
    rows.manifests.filter((m) => m.kind === 'image' && m.layerCount > 0),
    (m) => m.chainIds.at(-1)!,
  )
  const everAt = new Map<string, Set<TagTimeline>>()
  const remember = (digest: string, tag: TagTimeline) => {
    const at = everAt.get(digest) ?? new Set()
    everAt.set(digest, at.add(tag))
  }
  for (const tag of tags.values())
    for (const span of tag.spans) {
      remember(span.digest, tag)
      for (const entry of entries.get(span.digest) ?? []) remember(entry.manifestDigest, tag)
    }
  const countBuild = new Set(rows.countBuild)
  const hosts = new Set(rows.hosts)
  return {
    tag: (ref) => tags.get(ref),
    manifest: (digest) => manifests.get(digest),
    entries: (index) => entries.get(index) ?? [],
    declarations: (subject) => declarations.get(subject) ?? [],
    withLastChain: (chainId) => byChain.get(chainId) ?? [],
    tagsEverAt: (manifest) => [...(everAt.get(manifest) ?? [])],
    countsBuild: (ref) => countBuild.has(ref),
    isConfigured: (host) => hosts.has(host),
    storedCauses: (ref) => rows.stored.get(ref) ?? [],
  }
}

/** Where the tag is now, or null where it is deleted or was never seen. */
export const headOf = (tag: TagTimeline | undefined): Span | null => {
  const last = tag?.spans.at(-1)
  return last && last.to === null ? last : null
}
