import type { Deps } from '../deps.ts'
import { arrayOf } from './array-of.ts'
import type { Kind, Outlook, Told } from './digest-outline.ts'
import { type Ended, fateOf, loadSinceThen, type SinceThen } from './fates.ts'
import type { Known, Waiting } from './gather.ts'
import { loadBuildEnds } from './load-build-ends.ts'
import { loadOutlooks, type Standing } from './outlooks.ts'
import { type Content, parseContent } from './parse-content.ts'
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

/** What is due, with how it stands now. `over`: notices that go: of follow-ups that do not hold any more, and of a base
 * that is back where it was before anybody was told. */
export async function loadWaiting(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock' | 'log'>,
  due: readonly Waiting[],
  { outlooks, contents }: Known,
): Promise<{ people: DuePerson[]; over: number[] }> {
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
  const builds = await loadBuildEnds(
    d,
    rows.flatMap((row) => contentOf(row)?.build?.id ?? []),
  )
  const then = await loadSinceThen(
    d,
    rows.flatMap((row) => endedOf(row, contentOf(row), outlooks.get(row.ref))),
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  const over: number[] = []
  const people = [...Map.groupBy(due, ({ address }) => address)].map(([address, parts]): DuePerson => {
    const own = parts.flatMap(({ ids }) => ids.flatMap((id) => byId.get(id) ?? [])).sort((a, b) => a.id - b.id)
    const users = [...new Set(own.map((row) => row.userName))].sort()
    const notices = own.flatMap((row): Due[] => {
      const { content, odd } = contents.get(row.content)!
      const { id, kind, userName, namespace, ref } = row
      const root = causeOf(row)
      const outlook = outlooks.get(ref)?.outlook ?? { fate: 'deleted' as const }
      const due = { id, kind, userName, namespace, ref, root, outlook }
      if (content === null) return [{ ...due, content, odd }]
      const build = content.build ? builds.get(content.build.id) : undefined
      const told = outlookOf(content, outlook, then.get(id))
      if (told === null || !holds(kind, told, build)) {
        over.push(id)
        return []
      }
      return [{ ...due, content, outlook: told, ...(build ? { build } : {}) }]
    })
    const { email, displayName } = parts[0]!
    const bearers = known.get(address) ?? new Map()
    const others = [...bearers.keys()].filter((name) => !users.includes(name))
    return { email, displayName: users.length === 1 ? displayName : null, users, others, bearers, notices }
  })
  return { people: people.filter(({ notices }) => notices.length > 0), over }
}

/** What is outdated is told as it stands; a follow-up only while it is true. */
function holds(kind: Kind, { fate }: Outlook, build: { isLatest: boolean } | undefined): boolean {
  if (kind === 'rebuilt') return fate === 'current'
  if (kind === 'failed') return fate === 'outdated' && build?.isLatest === true
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
