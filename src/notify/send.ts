/**
 * In: a lane of the outbox, or one mail of it.
 * Out: each mail that is due with the SMTP server, and its row saying so; or the row saying why not, and when it is tried again.
 * Guarantees: a mail with state sent is never sent again, unless it comes back (take-bounce.ts); dying in the exchange repeats it, if at all, under the same Message-ID. Nobody is
 * written to who is not to be written to any more, and what they were to hear waits again. One mail's fault holds up no other.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { bouncesWithin, isFaulty } from './address-faults.ts'
import { enqueueMail, laneOfRow } from './enqueue-mail.ts'
import { MailError } from './mail-error.ts'
import type { Letter, Mailer } from './mailer.ts'
import { type Refusal, refuseMail } from './refuse-mail.ts'
import { senderOf } from './sender-of.ts'
import { barredMails, letGo, takeBack, whyNot } from './take-back.ts'
import { signUnsubscribe, unsubscribeUrl } from './unsubscribe-token.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log' | 'config' | 'mailer' | 'vault'>

type Outcome = { state: 'sent' } | Refusal

/** No mail is put off for longer: what seems to be is of a clock that was ahead. */
const longestWait = 24 * 3_600_000
const atOnce = 200
/** Mails of one transaction, unless they take longer than so many ms: what a death repeats, under the same Message-IDs. */
const together = 10
const longestTogether = 1000

/**
 * Sends what is due, oldest first, and has the next looked at when it is; where nothing is sent now, all waits, and says why. Rejects, once
 * all were tried, where a fault of ours kept one.
 */
export async function sendLane(d: Needs, lane: number): Promise<void> {
  const { mailer, without } = senderOf(d)
  if (mailer === null) return noteWaiting(d, lane, without)
  const tried = new Set<string>()
  const faults: unknown[] = []
  for (let ids = await dueIn(d, lane, tried); ids.length > 0; ids = await dueIn(d, lane, tried))
    while (ids.length > 0) {
      const done = await sendSome(d, mailer, ids.slice(0, together), faults)
      for (const id of done) tried.add(id)
      ids = ids.filter((id) => !tried.has(id))
    }
  await lookAgain(d, lane)
  if (faults.length > 0) throw faults[0]
}

/** One mail, where mails are sent. */
export async function send(d: Needs, mailId: string): Promise<void> {
  const { mailer } = senderOf(d)
  const faults: unknown[] = []
  if (mailer !== null) await sendSome(d, mailer, [mailId], faults)
  if (faults.length > 0) throw faults[0]
}

async function noteWaiting(d: Needs, lane: number, why: string): Promise<void> {
  await d.sql`
    update mail set error = ${why} where state = 'pending' and ${laneOfRow(d.sql)} = ${lane} and error is distinct from ${why}`
}

async function dueIn(d: Needs, lane: number, tried: ReadonlySet<string>): Promise<string[]> {
  const now = d.clock()
  const rows = await d.sql<{ id: string }[]>`
    select id from mail where state = 'pending' and ${laneOfRow(d.sql)} = ${lane} and id <> all(${[...tried]}::uuid[])
      and (next_try_at is null or next_try_at <= ${now} or next_try_at > ${new Date(now.getTime() + longestWait)})
    order by created_at, id limit ${atOnce}`
  return rows.map(({ id }) => id)
}

async function lookAgain(d: Needs, lane: number): Promise<void> {
  const [next] = await d.sql<{ at: Date | null }[]>`
    select min(next_try_at) as at from mail where state = 'pending' and ${laneOfRow(d.sql)} = ${lane}`
  if (next?.at) await enqueueMail(d, d.sql, [lane], next.at)
}

type Row = Omit<Letter, 'date' | 'unsubscribe'> & {
  id: string
  userName: string
  bearer: string | null
  attempts: number
  refusals: number
  barredAt: Date | null
  createdAt: Date
  isBarred: boolean
  isNarrowed: boolean
  fault: string | null
  faultUntil: Date | null
}

/**
 * The rows are locked until their outcomes are written, in one transaction: who comes second waits and then finds them done, and a death
 * lets go of them as they were. Two statements for a few mails: all that is asked before, and all that is written after. Answers which
 * were seen to; where the mail server is slow, not all.
 */
async function sendSome(
  d: Needs,
  mailer: Mailer,
  ids: readonly string[],
  faults: unknown[],
): Promise<readonly string[]> {
  const began = performance.now()
  return d.sql.begin(async (tx) => {
    const mails = await tx<Row[]>`
      with ${barredMails(tx, ids)}
      select m.id, m.message_id, m."references", m.user_name, (select bearer from person where name = m.user_name) as bearer, m."to", m.subject, m.text, m.html, m.attempts, m.refusals, m.barred_at, m.created_at,
        m.id in (select mail_id from barred) as is_barred, m.id in (select mail_id from narrowed) as is_narrowed, f.message as fault, f.next_try_at as fault_until
      from mail m left join address_fault f on ${isFaulty(tx, tx`m."to"`, d.clock())}
      where m.id = any(${[...ids]}::uuid[]) and m.state = 'pending' order by m.created_at, m.id for update of m`
    const outcomes: Tried[] = []
    const batch: Batch = { ids: mails.map(({ id }) => id), refused: new Map() }
    let left = mails.length
    for (const mail of mails) {
      if (performance.now() - began > longestTogether && left < mails.length) break
      left -= 1
      const tried = await sendOne(d, mailer, tx, mail, batch).catch((error: unknown) => void faults.push(error))
      if (tried) outcomes.push({ id: mail.id, to: mail.to, ...tried })
    }
    await store(d, tx, outcomes)
    const unseen = new Set(mails.slice(mails.length - left).map(({ id }) => id))
    return ids.filter((id) => !unseen.has(id))
  })
}

/** Mails that are sent together. `refused`: what became of the first to an address that is refused; the others are not tried. */
type Batch = { ids: string[]; refused: Map<string, Outcome> }
type Tried = { id: string; to: string; outcome: Outcome; counts: boolean }

/** Null: it was taken back. */
async function sendOne(
  d: Needs,
  mailer: Mailer,
  tx: Tx,
  mail: Row,
  batch: Batch,
): Promise<Omit<Tried, 'id' | 'to'> | null> {
  if (mail.isBarred) {
    const why = await whyNot(tx, mail)
    await takeBack(d, tx, mail, why)
    d.log.info({ mailId: mail.id, why }, 'mail taken back')
    return null
  }
  if (mail.fault !== null)
    return { outcome: { state: 'pending', error: mail.fault, nextTryAt: mail.faultUntil }, counts: false }
  const likeOther = batch.refused.get(mail.to.toLowerCase())
  if (likeOther?.state === 'failed') await letGo(d, tx, mail)
  if (likeOther) return { outcome: likeOther, counts: false }
  const outcome = await attempt(d, mailer, tx, mail, batch)
  const level = outcome.state === 'failed' ? 'error' : outcome.state === 'pending' ? 'warn' : 'info'
  d.log[level]({ mailId: mail.id, ...outcome }, 'mail tried')
  return { outcome, counts: true }
}

async function store(d: Needs, tx: Tx, tried: readonly Tried[]): Promise<void> {
  if (tried.length === 0) return
  const all = <T>(of: (one: Tried) => T): T[] => tried.map(of)
  const sent = tried.flatMap(({ to, outcome }) => (outcome.state === 'sent' ? to.toLowerCase() : []))
  await tx`
    with mended as (delete from address_fault where address = any(${sent}) and not ${bouncesWithin(tx, d.clock())})
    update mail set state = new.state::mail_state, error = new.error, attempts = mail.attempts + new.counts,
      refusals = mail.refusals + new.refused, barred_at = case when new.barred = 1 then ${d.clock()}::timestamptz else mail.barred_at end, next_try_at = new.next_try_at::timestamptz,
      sent_at = case when new.state = 'sent' then ${d.clock()}::timestamptz end
    from unnest(${all((one) => one.id)}::uuid[], ${all(({ outcome }) => outcome.state)}::text[],
      ${all(({ outcome }) => ('error' in outcome ? outcome.error : null))}::text[], ${all(({ counts }) => (counts ? 1 : 0))}::int[],
      ${all(({ outcome }) => ('refused' in outcome ? 1 : 0))}::int[], ${all(({ outcome }) => ('barred' in outcome ? 1 : 0))}::int[],
      ${all(({ outcome }) => ('nextTryAt' in outcome ? (outcome.nextTryAt?.toISOString() ?? null) : null))}::text[]) as new (id, state, error, counts, refused, barred, next_try_at)
    where mail.id = new.id`
}

async function attempt(d: Needs, mailer: Mailer, tx: Tx, mail: Row, { ids, refused }: Batch): Promise<Outcome> {
  const error = await deliver(d, mailer, mail)
  if (error === null) return { state: 'sent' }
  const outcome = await refuseMail(d, tx, mail, error, { ids })
  if (error.code === 'address-refused') refused.set(mail.to.toLowerCase(), outcome)
  return outcome
}

/** Null: the mail server has it. */
async function deliver(d: Needs, mailer: Mailer, mail: Row): Promise<MailError | null> {
  const { messageId, references, to, subject, text, html, createdAt: date } = mail
  const token = signUnsubscribe(d.vault, { person: mail.userName, bearer: mail.bearer, namespace: null })
  const unsubscribe = unsubscribeUrl(d.config.publicUrl, token)
  try {
    await mailer.send({ messageId, references, to, subject, text, html, date, unsubscribe })
    return null
  } catch (error) {
    if (error instanceof MailError) return error
    throw error
  }
}
