import { randomUUID } from 'node:crypto'
import type { Deps } from '../deps.ts'
import { arrayOf } from './array-of.ts'
import type { Outlook } from './digest-outline.ts'
import { enqueueMail, laneOf } from './enqueue-mail.ts'
import { expectMany } from './expect-many.ts'
import { mailDomain } from './mail-headers.ts'
import { senderOf } from './sender-of.ts'

/** A mail that is to be sent. `named`: see readers.ts; `notices`: which are in it, and as what they are told. */
export type Written = {
  to: string
  userName: string
  subject: string
  text: string
  html: string
  references: string[]
  named: string[]
  notices: { id: number; told: Outlook['fate'] }[]
}

const least = (a: number, b: number): number => Math.min(a, b)
const most = (a: number, b: number): number => Math.max(a, b)

/**
 * Mails, their notices and the jobs that send them, or none of it; `over`: notices that go. Message-IDs are fixed here. False where one of the
 * notices was gathered or taken back meanwhile: fewer rows are found then than were read.
 */
export async function saveMails(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'mailer'>,
  mails: readonly Written[],
  over: readonly number[],
): Promise<boolean> {
  const kept = senderOf(d).mailer === null
  const rows = mails.map((mail) => ({ id: randomUUID() as string, ...mail }))
  const notices = rows.flatMap((row) => row.notices.map(({ id }) => id))
  const changed = new Error('another has changed these notices')
  try {
    await d.sql.begin(async (tx) => {
      if (over.length > 0) await tx`delete from notice where id = any(${[...over]}) and mail_id is null`
      if (rows.length === 0) return
      const all = <T>(of: (row: (typeof rows)[number]) => T): T[] => rows.map(of)
      await tx`
        insert into mail (id, message_id, user_name, "to", subject, text, html, state, created_at, "references", named)
        select id, '<' || id || '@' || ${mailDomain(d.config)} || '>', user_name, "to", subject, text, html,
          ${kept ? 'kept' : 'pending'}::mail_state, ${d.clock()}, string_to_array(threads, ' '), string_to_array(named, ' ')
        from unnest(${all((r) => r.id)}::uuid[], ${all((r) => r.userName)}::text[], ${all((r) => r.to)}::text[],
          ${all((r) => r.subject)}::text[], ${all((r) => r.text)}::text[], ${all((r) => r.html)}::text[],
          ${all((r) => r.references.join(' '))}::text[], ${all((r) => r.named.join(' '))}::text[])
          as mail (id, user_name, "to", subject, text, html, threads, named)`
      await expectMany(tx)
      const claimed = await tx`
        update notice set mail_id = mail.id, error = null,
          content = case when mine.told = 'outdated' then content else content || jsonb_build_object('told', mine.told) end
        from unnest(${all((r) => r.id)}::uuid[], ${all((r) => arrayOf(r.notices.map(({ id }) => id)))}::text[],
          ${all((r) => arrayOf(r.notices.map(({ told }) => told)))}::text[]) as mail (id, notices, told)
          cross join lateral unnest(mail.notices::bigint[], mail.told::text[]) as mine (id, told)
        where notice.id = mine.id and notice.id between ${notices.reduce(least)} and ${notices.reduce(most)} and notice.mail_id is null`
      if (claimed.count !== notices.length) throw changed
      if (!kept)
        await enqueueMail(
          d,
          tx,
          rows.map(({ id }) => laneOf(id)),
        )
    })
    return true
  } catch (error) {
    if (error === changed) return false
    throw error
  }
}
