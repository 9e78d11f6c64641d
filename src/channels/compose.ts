import { failureWords } from '../build/failure-words.ts'
import type { NoticeContent } from '../notify/digest-outline.ts'
import { formatInstant } from '../oci/instant.ts'
import type { Telling, ToldBuild, ToldCause, ToldItem, ToldKind } from './notifier.ts'

/** Of a build what its notice keeps; `code` is null where it succeeded, and absent in notices of before. */
type Build = { id: string; finishedAt: string; code?: string | null }

/** A notice that waits, oldest first; `build`: of follow-ups alone. */
export type Waiting = {
  id: number
  kind: ToldKind
  ref: string
  content: NoticeContent & { build?: Build }
}

/** How a tag stands when it is told of; `bases`: of its counted causes. */
export type Standing = Pick<ToldItem, 'now' | 'digest' | 'rebuild'> & { bases: readonly string[] }

/** A message to be, and the notices it settles, each with how its tag is told to stand. */
export type Composed = { telling: Telling; notices: { id: number; now: ToldItem['now'] }[] }

/**
 * What waits for one channel: a message for each kind and base, in the order in which they began to wait; in it each tag once, by name.
 * `over`: notices of what has ended before it was told, and would be no news.
 */
export function compose(
  all: readonly Waiting[],
  standing: ReadonlyMap<string, Standing>,
): { messages: Composed[]; over: number[] } {
  const nowOf = (ref: string) => standing.get(ref)?.now ?? 'deleted'
  const holds = ({ kind, ref }: Waiting) => holdsWhile[kind] === null || holdsWhile[kind] === nowOf(ref)
  const waiting = all.filter(holds)
  const groups = Map.groupBy(waiting, ({ kind, content }) => `${kind} ${content.base}`)
  const messages = [...groups.values()].map((some) => {
    const { kind, content } = some.at(-1)!
    const byRef = [...Map.groupBy(some, ({ ref }) => ref)].sort(([a], [b]) => (a < b ? -1 : 1))
    const items = byRef.map(([ref, told]) => item(kind, ref, told, standing.get(ref)))
    return {
      telling: { kind, base: content.base, to: content.to, items },
      notices: some.map(({ id, ref }) => ({ id, now: nowOf(ref) })),
    }
  })
  return { messages, over: all.filter((notice) => !holds(notice)).map(({ id }) => id) }
}

/** How a tag must stand for a notice to be news; that it was outdated is told in any case. */
const holdsWhile: Record<ToldKind, ToldItem['now'] | null> = {
  outdated: null,
  failed: 'outdated',
  still: 'outdated',
  rebuilt: 'current',
}

/** A base that moved again within the window has moved once, from the first digest to the last. */
function item(kind: ToldKind, ref: string, told: readonly Waiting[], standing: Standing | undefined): ToldItem {
  const [first, last] = [told[0]!.content, told.at(-1)!.content]
  const since = told.map(({ content }) => BigInt(content.since)).reduce((a, b) => (b < a ? b : a))
  return {
    ref,
    digest: standing?.digest ?? null,
    platforms: last.platforms,
    outdatedSince: formatInstant(since),
    causes: [cause({ ...last, from: first.from })],
    rebuild: standing?.rebuild ?? { state: 'none', build: null, waitsFor: [] },
    now: standing?.now ?? 'deleted',
    ...(last.build ? { build: buildOf(kind, last.build) } : {}),
  }
}

/** A channel is read by viewers: it is told what the code says, and no words of the build's own. */
const buildOf = (kind: ToldKind, { id, finishedAt, code = null }: Build): ToldBuild => ({
  ...{ id, finishedAt, code },
  message: kind === 'failed' ? failureWords(code) : null,
})

const cause = ({ base, from, to, role, evidence, confidence, stillAt, via, platforms }: NoticeContent): ToldCause => ({
  ...{ base, from, to, role, evidence, confidence, stillAt, via, platforms },
})
