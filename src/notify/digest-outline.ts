import { isPlaceholder } from '../access/withhold.ts'
import type { RebuildState } from '../plan/assemble-plan.ts'
import type { Clean } from './digest-clean.ts'

/** outdated: a base moved. failed, still, rebuilt: what became of it (src/notify/follow-ups.ts). */
export type Kind = 'outdated' | 'failed' | 'still' | 'rebuilt'

/** The order in which a mail tells them. */
export const kinds: readonly Kind[] = ['outdated', 'failed', 'still', 'rebuilt']

/** A cause as it was when it was noticed (Notice.content). Digests are head digests of `base`; `since`: registry ns as text. */
export type NoticeContent = {
  base: string
  role: 'runtime' | 'build' | 'unknown'
  from: string | null
  to: string
  evidence: string[]
  confidence: 'declared' | 'inferred' | 'ambiguous'
  stillAt: string[]
  via: string | null
  platforms: string[]
  pinned: boolean
  since: string
}

/** Where a tag stands in the plan of its cause: `at` counts from 1, in the order of `of` tags to be built, in `waves` one after another. */
export type Place = { at: number; of: number; wave: number; waves: number }

/** A FROM that names a digest: `line` counts from 1, null: not known; `file`: path of the Dockerfile; `source`: where that is, and at which commit. */
export type Pin = { line: number | null; file: string; source: string }

/** From what a recipe can be proposed: `source` null: it was not looked at further. `doubts`: how many. */
export type Proposed = { source: string | null; file: string | null; acceptable: boolean; doubts: number }

/** How a build ended, with the last lines of its log. */
export type BuildEnd = { id: string; error: string | null; log: string[]; digest: string | null }

/**
 * What has become of a tag by the time the mail is written; the rest only where it is outdated still. `plan`: the id of the one that is to be
 * approved. replaced: pushed anew, and outdated by
 * another base; settled: not outdated by this base any more, though neither has it been pushed anew nor has the base gone back.
 */
export type Outlook =
  | { fate: 'outdated'; rebuild: RebuildState; place?: Place; plan?: string; pins?: Pin[]; proposed?: Proposed }
  | { fate: 'current' | 'replaced' | 'settled' }
  | { fate: 'unknown' }
  | { fate: 'deleted' }

/** One notice, and how its tag stands now. `build`: of a follow-up, where it is of one. */
export type Told = {
  kind?: Kind
  namespace: string
  ref: string
  content: NoticeContent
  outlook: Outlook
  build?: BuildEnd
}

/** One tag under one base: `content` as told last, but `from` and `since` of the first telling. `moves`: how often told. */
export type Entry = { ref: string; content: NoticeContent; moves: number; outlook: Outlook; build?: BuildEnd }

/** What is said of one base. `from`: the digests it had, oldest telling first; `to`: the one it has. */
export type Section = { base: string; from: string[]; to: string; groups: { namespace: string; entries: Entry[] }[] }

export type Part = { kind: Kind; sections: Section[] }
export type Outline = { parts: Part[]; refs: string[]; namespaces: string[] }

/**
 * Notices, oldest first, by what they are of, then base, namespace and tag, each by name. A base that moved again within the window is one
 * move.
 */
export function outline(notices: readonly Clean[]): Outline {
  const parts = kinds.flatMap((kind) => {
    const ofKind = notices.filter((notice) => (notice.kind ?? 'outdated') === kind)
    return ofKind.length === 0 ? [] : [{ kind, sections: sectionsOf(ofKind) }]
  })
  const refs = unique(notices.map((notice) => notice.ref)).sort()
  return { parts, refs, namespaces: unique(notices.map((notice) => notice.namespace)).sort() }
}

const sectionsOf = (notices: readonly Told[]): Section[] =>
  sorted(Map.groupBy(notices, (notice) => notice.content.base)).map(([base, ofBase]) => ({
    base,
    from: unique(ofBase.flatMap(({ content }) => content.from ?? [])),
    to: ofBase.at(-1)!.content.to,
    groups: sorted(Map.groupBy(ofBase, (notice) => notice.namespace)).map(([namespace, inside]) => ({
      namespace,
      entries: sorted(Map.groupBy(inside, (notice) => notice.ref)).map(([, told]) => entry(told)),
    })),
  }))

function entry(told: Told[]): Entry {
  const [first, last] = [told[0]!, told.at(-1)!]
  const build = last.build ? { build: last.build } : {}
  if (told.length === 1) return { ref: last.ref, content: last.content, moves: 1, outlook: last.outlook, ...build }
  const since = told.map(({ content }) => content.since).reduce((a, b) => (BigInt(b) < BigInt(a) ? b : a))
  const moves = new Set(told.map(({ content }) => content.to)).size
  const content = { ...last.content, from: first.content.from, since }
  return { ref: last.ref, content, moves, outlook: last.outlook, ...build }
}

export const entriesOf = (sections: readonly Section[]): Entry[] =>
  sections.flatMap(({ groups }) => groups.flatMap((group) => group.entries))

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]
/** By name; what is withheld, which comes first, by its number. */
const sorted = <T>(groups: Map<string, T[]>): [string, T[]][] =>
  [...groups].sort(([a], [b]) => (isPlaceholder(a) && isPlaceholder(b) ? a.length - b.length : 0) || (a < b ? -1 : 1))
