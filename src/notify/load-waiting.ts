import type { Deps } from '../deps.ts'
import type { Kind, NoticeContent, Outlook, Told } from './digest-outline.ts'
import type { Known, Waiting } from './gather.ts'
import { loadBuildEnds } from './load-build-ends.ts'
import { loadOutlooks } from './outlooks.ts'

/** A notice that is to be told; `content` null: it cannot be read. `root`: of its cause, without what tells a repetition. */
export type Due = Omit<Told, 'content' | 'kind'> & {
  id: number
  userName: string
  kind: Kind
  root: string
  content: NoticeContent | null
}

/** All that is to be told at one address, oldest first; `users` by name, of whom the notices are; `others`: who has the address besides. */
export type DuePerson = {
  email: string
  displayName: string | null
  users: string[]
  others?: string[]
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

/** What is due, with how it stands now. `over`: notices of follow-ups that do not hold any more. */
export async function loadWaiting(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock' | 'log'>,
  due: readonly Waiting[],
  { outlooks, contents }: Known,
): Promise<{ people: DuePerson[]; over: number[] }> {
  const rows = await waitingRows(d, due)
  await loadOutlooks(
    d,
    rows.map(({ ref }) => ref),
    outlooks,
  )
  if (contents.size > mostContents) contents.clear()
  for (const { content } of rows) if (!contents.has(content)) contents.set(content, parsed(content))
  const builds = await loadBuildEnds(
    d,
    rows.flatMap((row) => contents.get(row.content)?.build?.id ?? []),
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  const over: number[] = []
  const people = [...Map.groupBy(due, ({ address }) => address).values()].map((parts): DuePerson => {
    const own = parts.flatMap(({ ids }) => ids.flatMap((id) => byId.get(id) ?? [])).sort((a, b) => a.id - b.id)
    const users = [...new Set(own.map((row) => row.userName))].sort()
    const notices = own.flatMap(({ id, kind, userName, namespace, ref, root, ...row }): Due[] => {
      const content = contents.get(row.content) ?? null
      const outlook = outlooks.get(ref) ?? { fate: 'deleted' as const }
      const build = content?.build ? builds.get(content.build.id) : undefined
      if (!holds(kind, outlook, build)) {
        over.push(id)
        return []
      }
      const cause = root.replace(/#\d+$/, '')
      return [{ id, kind, userName, namespace, ref, root: cause, content, outlook, ...(build ? { build } : {}) }]
    })
    const { email, displayName } = parts[0]!
    return { email, displayName: users.length === 1 ? displayName : null, users, notices }
  })
  return { people: people.filter(({ notices }) => notices.length > 0), over }
}

/** What is outdated is told as it stands; a follow-up only while it is true. */
function holds(kind: Kind, { fate }: Outlook, build: { isLatest: boolean } | undefined): boolean {
  if (kind === 'rebuilt') return fate === 'current'
  if (kind === 'failed') return fate === 'outdated' && build?.isLatest === true
  return kind === 'outdated' || fate === 'outdated'
}

/** As it is stored; `build`: of follow-ups. */
export type Content = NoticeContent & { build?: { id: string } }

function parsed(text: string): Content | null {
  const content: unknown = JSON.parse(text)
  return typeof content === 'object' && content !== null && 'base' in content ? (content as Content) : null
}

/**
 * The content as text, since the driver would rename the fields in it; whoever reads the same text again takes what was parsed of it. To find
 * the same ones in the statement would take it longer than to send them all.
 */
const waitingRows = ({ sql }: Pick<Deps, 'sql'>, due: readonly Waiting[]): Promise<Row[]> => sql<Row[]>`
  select id, kind, user_name, namespace, ref, root, content::text as content
  from notice where mail_id is null and id = any(${due.flatMap(({ ids }) => ids)}::int[])`
