import { buildUrl } from '../links.ts'
import { linkOfBuild } from './digest-links.ts'
import type { Entry, Kind } from './digest-outline.ts'
import { fromTo, howItFailed, howLong, howRebuilt, howSure, nextStep, sinceWhen, throughWhom } from './digest-words.ts'

/** What is said of a tag below its name, a label and words each; `log`: last lines of a build's log; `link`: of the build, if any. */
export type Facts = {
  facts: readonly (readonly [label: string, words: string])[]
  log: readonly string[]
  link: string | null
}

/** Tags of one namespace and base of which the same is to be said. */
export type Cluster = Facts & { refs: string[] }

/** For whom: `mayBuild`: whether they may have such a tag built, or its leader, which moves it along. */
type For = { publicUrl: string; now: Date; mayBuild: (leader?: string) => boolean }

/** The same things are said once, with the tags above them: 500 images that a base left behind are one paragraph. By first name. */
export function clusters(kind: Kind, entries: readonly Entry[], to: For): Cluster[] {
  const found = new Map<string, Cluster>()
  // of what is the same object, the same is said: a base that moved gives all its images one content
  const quick = new Map<object, Map<object, Cluster>>()
  for (const entry of entries) {
    const near = entry.moves === 1 && !entry.build ? quick.get(entry.content)?.get(entry.outlook) : undefined
    if (near) {
      near.refs.push(entry.ref)
      continue
    }
    const facts = factsOf(kind, entry, to)
    const key = JSON.stringify(facts)
    const cluster = found.get(key) ?? { ...facts, refs: [] }
    cluster.refs.push(entry.ref)
    found.set(key, cluster)
    if (entry.moves === 1 && !entry.build)
      quick.set(entry.content, (quick.get(entry.content) ?? new Map<object, Cluster>()).set(entry.outlook, cluster))
  }
  return [...found.values()]
}

function factsOf(kind: Kind, entry: Entry, { publicUrl, now, mayBuild }: For): Facts {
  if (kind === 'rebuilt') return { facts: [['rebuilt', howRebuilt(entry)]], log: [], link: buildLink(entry, publicUrl) }
  const since = ['outdated since', sinceWhen(entry)] as const
  const next = ['what next', nextStep(entry, mayBuild)] as const
  if (kind === 'failed')
    return {
      facts: [since, ['base moved', fromTo(entry)], ['what failed', howItFailed(entry)], next],
      log: entry.build?.log ?? [],
      link: entry.build ? buildUrl(publicUrl, entry.build.id) : null,
    }
  const story = [
    kind === 'still' ? ([since[0], `${since[1]}, ${howLong(entry, now)}`] as const) : since,
    ['base moved', fromTo(entry)] as const,
    ['built on it', throughWhom(entry.content)] as const,
    ['how sure', howSure(entry.content)] as const,
    next,
  ]
  return { facts: story, log: [], link: linkOfBuild(publicUrl, entry) }
}

const buildLink = ({ build }: Entry, publicUrl: string): string | null => (build ? buildUrl(publicUrl, build.id) : null)
