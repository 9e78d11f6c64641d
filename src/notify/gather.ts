import type { Fragment } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, hears, repositoryOfRef } from '../people/heard-by.ts'
import { digest } from './digest.ts'
import type { NoticeContent, Outlook, Told } from './digest-outline.ts'
import { insertMail, type NewMail } from './insert-mail.ts'
import { loadOutlooks } from './outlooks.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log' | 'mailer'>

/** Notices that wait for one address, of all users that have it. */
type Waiting = { address: string; users: string[]; oldest: Date }

/**
 * Makes one mail of all that waits for an address whose oldest notice has waited for the window. Answers when the next address
 * will be due, null where nothing waits. Who hears of it no longer (src/people/heard-by.ts), or was disabled meanwhile, is not written to:
 * their notices keep waiting.
 */
export async function gather(d: Needs): Promise<Date | null> {
  const window = d.config.notifyWindow * 1000
  const waiting = await waitingAddresses(d)
  const now = d.clock().getTime()
  // A clock that was set back must not hold a notice for longer than the window.
  const due = waiting.filter(({ oldest }) => Math.abs(now - oldest.getTime()) >= window)
  const known = new Map<string, Outlook>()
  for (const person of due) await writeMail(d, person, known)
  const later = waiting.filter((person) => !due.includes(person)).map(({ oldest }) => oldest.getTime() + window)
  return later.length === 0 ? null : new Date(Math.min(...later, now + window))
}

/** Few columns, one row an address: the notices themselves are read one person at a time. */
const waitingAddresses = ({ sql }: Pick<Deps, 'sql'>): Promise<Waiting[]> => sql<Waiting[]>`
  with ${heardBy(sql, ofWaiting(sql, sql`true`))}
  select lower(heard.email) as address, array_agg(distinct heard.user_name) as users, min(n.created_at) as oldest
  from notice n join heard on heard.user_name = n.user_name and ${hears(sql, sql`n.namespace`, repositoryOfRef(sql, sql`n.ref`))}
  where n.mail_id is null group by lower(heard.email) order by oldest, address`

/** The repositories of waiting notices, as heardBy() asks for them. */
const ofWaiting = (sql: Deps['sql'], which: Fragment) =>
  sql`select n.namespace, ${repositoryOfRef(sql, sql`n.ref`)} as repository from notice n where n.mail_id is null and ${which}`

type Row = Omit<Told, 'content' | 'outlook'> & {
  id: number
  content: string
  email: string
  displayName: string | null
}

async function writeMail(d: Needs, { users, address }: Waiting, known: Map<string, Outlook>): Promise<void> {
  const { sql } = d
  const rows = await sql<Row[]>`
    with ${heardBy(sql, ofWaiting(sql, sql`n.user_name = any(${users})`))}
    select n.id, n.namespace, n.ref, n.content::text as content, heard.email, heard.display_name
    from notice n join heard on heard.user_name = n.user_name and ${hears(sql, sql`n.namespace`, repositoryOfRef(sql, sql`n.ref`))}
    where n.mail_id is null and n.user_name = any(${users}) and lower(heard.email) = ${address} order by n.id`
  const [first] = rows
  if (!first) return
  await loadOutlooks(
    d,
    rows.map(({ ref }) => ref),
    known,
  )
  const told = rows.map(({ namespace, ref, content }) => {
    return {
      namespace,
      ref,
      content: JSON.parse(content) as NoticeContent,
      outlook: known.get(ref) ?? { fate: 'deleted' },
    } satisfies Told
  })
  const userName = users.toSorted()[0]!
  const name = (users.length === 1 ? first.displayName : null) ?? users.toSorted().join(', ')
  const mail = { to: first.email, userName, ...digest(told, { name, publicUrl: d.config.publicUrl }) }
  const ids = rows.map(({ id }) => id)
  if (await saveMail(d, mail, ids)) d.log.info({ user: userName, notices: ids.length }, 'gathered a mail')
}

/**
 * The mail, its notices and its job, or none of it. False where another gathered one of the notices first: the update waits for
 * that transaction, and then finds fewer rows; what is left waits for the next run.
 */
async function saveMail(d: Needs, mail: NewMail, notices: number[]): Promise<boolean> {
  const taken = new Error('another has gathered these notices')
  try {
    await d.sql.begin(async (tx) => {
      const id = await insertMail(d, tx, mail)
      const claimed = await tx`update notice set mail_id = ${id} where id = any(${notices}) and mail_id is null`
      if (claimed.count !== notices.length) throw taken
    })
    return true
  } catch (error) {
    if (error === taken) return false
    throw error
  }
}
