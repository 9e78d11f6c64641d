import type { RebuildState } from '../plan/assemble-plan.ts'

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

/** What has become of a tag by the time the mail is written; `rebuild` only where it is outdated still. */
export type Outlook =
  | { fate: 'outdated'; rebuild: RebuildState }
  | { fate: 'current' }
  | { fate: 'unknown' }
  | { fate: 'deleted' }

/** One notice, and how its tag stands now. */
export type Told = { namespace: string; ref: string; content: NoticeContent; outlook: Outlook }

/** One tag under one base: `content` as told last, but `from` and `since` of the first telling. `moves`: how often told. */
export type Entry = { ref: string; content: NoticeContent; moves: number; outlook: Outlook }

/** What is said of one base. `from`: the digests it had, oldest telling first; `to`: the one it has. */
export type Section = { base: string; from: string[]; to: string; groups: { namespace: string; entries: Entry[] }[] }

export type Outline = { sections: Section[]; refs: string[]; namespaces: string[] }

/** Notices, oldest first, by base, namespace and tag, each by name. A base that moved again within the window is one move. */
export function outline(notices: readonly Told[]): Outline {
  const bases = Map.groupBy(notices, (notice) => notice.content.base)
  const sections = sorted(bases).map(([base, ofBase]) => ({
    base,
    from: unique(ofBase.flatMap(({ content }) => content.from ?? [])),
    to: ofBase.at(-1)!.content.to,
    groups: sorted(Map.groupBy(ofBase, (notice) => notice.namespace)).map(([namespace, inside]) => ({
      namespace,
      entries: sorted(Map.groupBy(inside, (notice) => notice.ref)).map(([, told]) => entry(told)),
    })),
  }))
  const refs = unique(notices.map((notice) => notice.ref)).sort()
  return { sections, refs, namespaces: unique(notices.map((notice) => notice.namespace)).sort() }
}

function entry(told: Told[]): Entry {
  const [first, last] = [told[0]!, told.at(-1)!]
  const since = told.map(({ content }) => content.since).reduce((a, b) => (BigInt(b) < BigInt(a) ? b : a))
  const moves = new Set(told.map(({ content }) => content.to)).size
  return { ref: last.ref, content: { ...last.content, from: first.content.from, since }, moves, outlook: last.outlook }
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]
const sorted = <T>(groups: Map<string, T[]>): [string, T[]][] => [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
