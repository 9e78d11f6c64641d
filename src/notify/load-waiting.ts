import type { Deps } from '../deps.ts'
import { arrayOf } from './array-of.ts'
import type { BuildEnd, Kind, Outlook, Told } from './digest-outline.ts'
import { dueAt } from './digest-schedule.ts'
import { type Ended, fateOf, loadSinceThen, type SinceThen } from './fates.ts'
import type { Known, Waiting } from './gather.ts'
import { type BuildEnds, loadBuildEnds } from './load-build-ends.ts'
import { loadOutlooks, type Standing } from './outlooks.ts'
import { type Content, type Parsed, parseContent } from './parse-content.ts'
import { type Bearers, bearersAt } from './users-at.ts'

/**
 * A notice that is to be told; `content` null: nothing can be told of it, `odd` says why. `root`: of its cause, without what tells a
 * repetition.
 */
export type Due = Omit<Told, 'content' | 'kind'> & {
  id: number
  userName: string
  kind: Kind
  root: string
  content: Content | null
  odd?: string
}

/** All that is to be told at one address, oldest first; `users` by name, of whom the notices are; `others`: who else has the address (users-at.ts); `bearers`: of them all. */
export type DuePerson = {
  email: string
  displayName: string | null
  users: string[]
  others: string[]
  bearers: Bearers
  notices: Due[]
}

type Row = {
  id: number
  kind: Kind
  userName: string
  namespace: string
  ref: string
  root: string
  content: string
}

/** So many different contents are kept for what comes next. */
const mostContents = 10_000

/**
 * What is due, with how it stands now. `over`: notices that go: of follow-ups that do not hold any more, and of a base
 * that is back where it was before anybody was told. `early`: something was due for the sake of these alone, and waits for its own time.
 */
export async function loadWaiting(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock' | 'log'>,
  due: readonly Waiting[],
  { outlooks, contents }: Known,
): Promise<{ people: DuePerson[]; over: number[]; early: boolean }> {
  const [rows, known] = await Promise.all([
    waitingRows(d, due),
    bearersAt(
      d.sql,
      due.map(({ address }) => address),
    ),
  ])
  await loadOutlooks(
    d,
    rows.map(({ ref }) => ref),
    outlooks,
  )
  if (contents.size > mostContents) contents.clear()
  for (const { content } of rows) if (!contents.has(content)) contents.set(content, parseContent(content))
  const contentOf = (row: Row): Content | null => contents.get(row.content)?.content ?? null
  const builds = await loadBuildEnds(d, {
    ids: rows.flatMap((row) => (row.kind === 'failed' ? [] : (contentOf(row)?.build?.id ?? []))),
    refs: rows.flatMap(({ kind, ref }) => (kind === 'failed' ? ref : [])),
  })
  const then = await loadSinceThen(
    d,
    rows.flatMap((row) => endedOf(row, contentOf(row), outlooks.get(row.ref))),
  )
  const told = new Map<number, Due>()
  for (const row of rows) {
    const one = toldOf(row, contents.get(row.content)!, {
      standing: outlooks.get(row.ref),
      builds,
      since: then.get(row.id),
    })
    if (one) told.set(row.id, one)
  }
  const over = rows.flatMap(({ id }) => (told.has(id) ? [] : id))
  const early = await earlyOf(d, due, told)
  const people = [...Map.groupBy(due, ({ address }) => address)].map(([address, parts]): DuePerson => {
    const left = parts.flatMap((part) => (early.has(part) ? [] : part.ids.filter((id) => told.has(id))))
    const notices = left.sort((a, b) => a - b).map((id) => told.get(id)!)
    const users = [...new Set(notices.map(({ userName }) => userName))].sort()
    const { email, displayName } = parts[0]!
    const bearers = known.get(address) ?? new Map()
    const others = [...bearers.keys()].filter((name) => !users.includes(name))
    return { email, displayName: users.length === 1 ? displayName : null, users, others, bearers, notices }
  })
  return { people: people.filter(({ notices }) => notices.length > 0), over, early: early.size > 0 }
}

/** What was due for the sake of notices alone that go: what is left of it waits for its own time. */
async function earlyOf(
  d: Pick<Deps, 'sql' | 'config' | 'clock'>,
  due: readonly Waiting[],
  told: ReadonlyMap<number, Due>,
): Promise<ReadonlySet<Waiting>> {
  const shrunk = due.flatMap((part) => {
    const ids = part.ids.filter((id) => told.has(id))
    return ids.length === 0 || ids.length === part.ids.length ? [] : [{ part, ids }]
  })
  if (shrunk.length === 0) return new Set()
  const rows = await d.sql<{ id: number; createdAt: Date }[]>`
    select id::float8 as id, created_at from notice where id = any(${arrayOf(shrunk.flatMap(({ ids }) => ids))}::bigint[])`
  const times = new Map(rows.map(({ id, createdAt }) => [id, createdAt.getTime()]))
  const now = d.clock()
  const isEarly = ({ part, ids }: (typeof shrunk)[number]): boolean => {
    const oldest = ids.reduce((least, id) => Math.min(least, times.get(id) ?? now.getTime()), Infinity)
    const at = dueAt(part, new Date(oldest), now, d.config.notifyWindow * 1000)
    return at === null || at > now
  }
  return new Set(shrunk.filter(isEarly).map(({ part }) => part))
}

type Now = { standing: Standing | undefined; builds: BuildEnds; since: SinceThen | undefined }

/** A notice with how its tag stands now; null: nothing of it is to be told any more. */
function toldOf(row: Row, { content, odd }: Parsed, { standing, builds, since }: Now): Due | null {
  const { id, kind, userName, namespace, ref } = row
  const outlook = standing?.outlook ?? { fate: 'deleted' as const }
  const due = { id, kind, userName, namespace, ref, root: causeOf(row), outlook }
  if (content === null) return { ...due, content, odd }
  const build = kind === 'failed' ? builds.failedByRef.get(ref) : builds.byId.get(content.build?.id ?? '')
  const told = outlookOf(content, outlook, since)
  if (told === null || !holds(kind, told, build)) return null
  return { ...due, content, outlook: told, ...(build ? { build } : {}) }
}

/** What is outdated is told as it stands; a follow-up only while it is true. `build`: of what failed the newest failure, if that is how it stands. */
function holds(kind: Kind, { fate }: Outlook, build: BuildEnd | undefined): boolean {
  if (kind === 'rebuilt') return fate === 'current'
  if (kind === 'failed') return fate === 'outdated' && build !== undefined
  return kind === 'outdated' || fate === 'outdated'
}

const causeOf = ({ root }: Row): string => root.replace(/#\d+$/, '')

/** Where its tag has no counted cause of its base any more. */
function endedOf(row: Row, content: Content | null, standing: Standing | undefined): Ended[] {
  if (content === null || !standing || (row.kind !== 'outdated' && row.kind !== 'still')) return []
  const { base, to, since } = content
  if (standing.bases === base || standing.bases.split(' ').includes(base)) return []
  return [{ id: row.id, ref: row.ref, root: causeOf(row), base, to, since }]
}

function outlookOf(content: Content, outlook: Outlook, then: SinceThen | undefined): Outlook | null {
  if (!then) return outlook
  const fate = fateOf(content, outlook.fate, then)
  return fate === null ? null : fate === 'outdated' ? outlook : { fate }
}

/**
 * The content as text, since the driver would rename the fields in it; whoever reads the same text again takes what was parsed of it. To find
 * the same ones in the statement would take it longer than to send them all.
 */
const waitingRows = ({ sql }: Pick<Deps, 'sql'>, due: readonly Waiting[]): Promise<Row[]> => sql<Row[]>`
  select id::float8 as id, kind, user_name, namespace, ref, root, content::text as content
  from notice where mail_id is null and id = any(${arrayOf(due.flatMap(({ ids }) => ids))}::bigint[])`
