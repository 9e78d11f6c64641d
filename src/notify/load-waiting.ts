import type { Deps } from '../deps.ts'
import { heardBy, hears, repositoryOfRef } from '../people/heard-by.ts'
import type { Kind, NoticeContent, Outlook, Told } from './digest-outline.ts'
import { everyOf } from './every.ts'
import type { Waiting } from './gather.ts'
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

/** All that is to be told at one address, oldest first; `users` by name. */
export type DuePerson = { email: string; displayName: string | null; users: string[]; notices: Due[] }

type Row = {
  id: number
  kind: Kind
  userName: string
  namespace: string
  ref: string
  root: string
  content: string
  email: string
  displayName: string | null
}

/** What is due, with how it stands now. `over`: notices of follow-ups that do not hold any more. */
export async function loadWaiting(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock'>,
  due: readonly Waiting[],
  known: Map<string, Outlook>,
): Promise<{ people: DuePerson[]; over: number[] }> {
  const rows = await waitingRows(d, due)
  await loadOutlooks(
    d,
    rows.map(({ ref }) => ref),
    known,
  )
  const contents = new Map<string, (NoticeContent & { build?: { id: string } }) | null>()
  for (const { content } of rows) if (!contents.has(content)) contents.set(content, parsed(content))
  const builds = await loadBuildEnds(
    d,
    [...contents.values()].flatMap((content) => content?.build?.id ?? []),
  )
  const over: number[] = []
  const people = [...Map.groupBy(rows, (row) => row.email.toLowerCase()).values()].map((own): DuePerson => {
    const [first] = own as [Row]
    const users = [...new Set(own.map((row) => row.userName))].sort()
    const notices = own.flatMap(({ id, kind, userName, namespace, ref, root, content: text }): Due[] => {
      const content = contents.get(text) ?? null
      const outlook = known.get(ref) ?? { fate: 'deleted' as const }
      const build = content?.build ? builds.get(content.build.id) : undefined
      if (!holds(kind, outlook, build)) {
        over.push(id)
        return []
      }
      return [{ id, kind, userName, namespace, ref, root, content, outlook, ...(build ? { build } : {}) }]
    })
    return { email: first.email, displayName: users.length === 1 ? first.displayName : null, users, notices }
  })
  return { people: people.filter(({ notices }) => notices.length > 0), over }
}

/** What is outdated is told as it stands; a follow-up only while it is true. */
function holds(kind: Kind, { fate }: Outlook, build: { isLatest: boolean } | undefined): boolean {
  if (kind === 'rebuilt') return fate === 'current'
  if (kind === 'failed') return fate === 'outdated' && build?.isLatest === true
  return kind === 'outdated' || fate === 'outdated'
}

function parsed(text: string): (NoticeContent & { build?: { id: string } }) | null {
  const content: unknown = JSON.parse(text)
  return typeof content === 'object' && content !== null && 'base' in content ? (content as NoticeContent) : null
}

/** The same conditions as in gather.ts. The content as text: the driver would rename the fields in it. */
const waitingRows = ({ sql }: Pick<Deps, 'sql'>, due: readonly Waiting[]): Promise<Row[]> => sql<Row[]>`
  with due as (
    select * from unnest(${due.map(({ address }) => address)}::text[], ${due.map(({ every }) => every)}::text[]) as one (address, every)
  ), mine as materialized (
    select n.id, n.kind, n.user_name, n.namespace, n.ref, n.root, n.content from notice n join person p on p.name = n.user_name
    where n.mail_id is null and lower(p.email) in (select address from due)
  ), ${heardBy(sql, sql`select namespace, ${repositoryOfRef(sql, sql`ref`)} as repository from mine`)}
  select n.id, n.kind, n.user_name, n.namespace, n.ref, regexp_replace(n.root, '#\\d+$', '') as root, n.content::text as content,
    heard.email, heard.display_name
  from mine n join heard on heard.user_name = n.user_name and ${hears(sql, sql`n.namespace`, repositoryOfRef(sql, sql`n.ref`))}
  join due on due.address = lower(heard.email) and due.every = ${everyOf(sql, sql`n.user_name`, sql`n.namespace`)}::text
  order by n.id`
