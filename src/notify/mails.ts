import type { MailState } from '../db/generated/enums.ts'
import type { Deps } from '../deps.ts'
import { takenBack } from './take-back.ts'
import { wordsOpenTo } from './words-open-to.ts'

/** A mail as GET /mails shows it. `error`: of the last try. */
export type MailView = {
  id: string
  messageId: string
  user: string
  to: string
  subject: string
  text: string
  state: MailState
  error: string | null
  attempts: number
  createdAt: Date
  nextTryAt: Date | null
  sentAt: Date | null
}

/** A mail as GET /mails/ID shows it; `refs`: the tags its notices are about. */
export type WholeMailView = MailView & { html: string; refs: string[] }

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
export const isMailId = (id: string): boolean => uuid.test(id)

/** Whose a mail is: of whom something is in it. */
const isOf = (
  sql: Deps['sql'],
  user: string | undefined,
) => sql`(${user ?? null}::text is null or m.user_name = ${user ?? null} or ${user ?? null} = any(m.also)
  or m.id in (select n.mail_id from notice n where n.user_name = ${user ?? null}))`

/**
 * As this user may read them: of what was not sent, and they may not read now (words-open-to.ts), nothing but that it is there, and what the
 * mail server said of it. What was sent is in their mailbox.
 */
async function asReadBy<T extends MailView & { html?: string; refs?: string[] }>(
  d: Pick<Deps, 'sql'>,
  user: string | undefined,
  mails: readonly T[],
): Promise<T[]> {
  if (user === undefined) return [...mails]
  const unsent = mails.filter(({ state }) => state !== 'sent')
  const open = await wordsOpenTo(
    d,
    user,
    unsent.map(({ id }) => id),
  )
  const bare = { subject: '(withheld)', text: '' }
  const bareError = (error: string | null) => (error?.startsWith(takenBack) ? `${takenBack}it was taken back` : error)
  return mails.map((mail) =>
    mail.state === 'sent' || open.has(mail.id)
      ? mail
      : { ...mail, ...bare, error: bareError(mail.error), ...('html' in mail ? { html: '', refs: [] } : {}) },
  )
}

/** Newest first. `user`: what is theirs. `cursor`: the id of the last mail of the page before; one that is not known gives no page. */
export async function listMails(
  d: Pick<Deps, 'sql'>,
  {
    to,
    user,
    state,
    cursor,
    limit,
  }: { to?: string; user?: string; state?: MailState; cursor: string | null; limit: number },
): Promise<{ items: MailView[]; next: string | null }> {
  if (cursor !== null && !uuid.test(cursor)) return { items: [], next: null }
  const found = await d.sql<MailView[]>`
    select id, message_id, user_name as user, "to", subject, text, state, error, attempts, created_at, next_try_at, sent_at
    from mail m
    where (${to ?? null}::text is null or lower("to") = lower(${to ?? null}))
      and ${isOf(d.sql, user)}
      and (${state ?? null}::mail_state is null or state = ${state ?? null}::mail_state)
      and (${cursor}::uuid is null or (created_at, id) < (select created_at, id from mail where id = ${cursor}::uuid))
    order by created_at desc, id desc limit ${limit + 1}`
  const items = await asReadBy(d, user, found.slice(0, limit))
  return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null }
}

/** Null where there is none of that id, or it is not theirs. */
export async function getMail(d: Pick<Deps, 'sql'>, id: string, user?: string): Promise<WholeMailView | null> {
  if (!uuid.test(id)) return null
  const [found] = await d.sql<WholeMailView[]>`
    select m.id, m.message_id, m.user_name as user, m."to", m.subject, m.text, m.html, m.state, m.error, m.attempts,
      m.created_at, m.next_try_at, m.sent_at,
      array(select distinct n.ref from notice n where n.mail_id = m.id order by n.ref) as refs
    from mail m where m.id = ${id} and ${isOf(d.sql, user)}`
  const [read] = await asReadBy(d, user, found ? [found] : [])
  return read ?? null
}
