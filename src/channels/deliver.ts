/**
 * In: the id of a delivery. Out: its body at the receiver, and its row saying so; or the row saying why not, and when it is tried again.
 * Guarantees: what is delivered is not sent again unless somebody replays it; dying between the two repeats it, if at all, under the same
 * id. Nothing of the database is held while a receiver thinks.
 */
import { makeMask } from '../build/mask.ts'
import { shortened } from '../build/storable.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Payloads } from '../jobs/jobs.ts'
import { isGone } from '../people/gone.ts'
import { Sealed } from './channels.ts'
import { enqueueDelivery } from './enqueue-delivery.ts'
import { givenUpAfter, type Judgement, judgeReply, longestWait } from './judge-reply.ts'
import { type ChannelKind, notifiers } from './notifiers.ts'
import { post, type Reply } from './post.ts'
import { makeReach, type Reach } from './reach.ts'
import { readableBody } from './readable-body.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log' | 'config' | 'vault'>

type Row = {
  id: string
  body: string
  namespaceKey: string
  attempts: number
  since: Date
  nextTryAt: Date | null
  channelId: string
  kind: ChannelKind
  sealed: string
  enabled: boolean
  /** its receiver did not answer the last time, or was slow lately */
  isSilent: boolean
}

/** How a try went. `took`: ms. */
type Try = { reply: Reply; answer: string; took: number }

/** A job may start a little before our clock says it is time. */
const slack = 1000
/** Characters of an answer that are kept. */
const mostKept = 1000
/** A try that takes so many ms is slow; seconds for which its receiver then counts as slow. */
const slowAfter = 3000
const slowFor = 3600
const disabled = 'not sent: the channel is disabled'

export async function deliver(
  d: Needs,
  { deliveryId, silent = false }: Payloads['deliver'],
  signal?: AbortSignal,
  { reach = makeReach(d.config), slow = slowAfter }: { reach?: Reach; slow?: number } = {},
): Promise<void> {
  const [row] = await d.sql<Row[]>`
    select dl.id, dl.body::text as body, ch.namespace_key, dl.attempts, dl.since, dl.next_try_at, dl.channel_id, ch.kind::text as kind, ch.sealed, ch.enabled,
      coalesce(abs(extract(epoch from ${d.clock()}::timestamptz - ch.slow_at)) < ${slowFor}, false) or exists (
        select from delivery other where other.channel_id = ch.id and other.state = 'pending' and other.attempts > 0
          and other.status is null) as is_silent
    from delivery dl join channel ch on ch.id = dl.channel_id where dl.id = ${deliveryId} and dl.state = 'pending'
      and not ${isGone(d.sql, d.sql`ch.namespace_key`)}`
  if (!row) return
  if (d.config.observe)
    return void (await d.sql`update delivery set state = 'kept' where id = ${row.id} and state = 'pending'`)
  if (!row.enabled)
    return void (await d.sql`
      update delivery set state = 'failed', next_try_at = null, answer = ${disabled} where id = ${row.id} and state = 'pending'`)
  const wait = row.nextTryAt === null ? 0 : row.nextTryAt.getTime() - d.clock().getTime()
  // what seems to be further off is of a clock that was ahead
  if (wait > slack && wait <= longestWait)
    return enqueueDelivery(d, d.sql, row, { runAt: row.nextTryAt, isSilent: row.isSilent })
  if (row.isSilent && !silent) return enqueueDelivery(d, d.sql, row, { isSilent: true })
  const { url, secret, former } = Sealed.parse(JSON.parse(d.vault.open(row.sealed)))
  const body = await bodyToSend(d, row)
  const before = former && new Date(former.until) > d.clock() ? [former.secret] : []
  const secrets = secret === null ? [] : [secret, ...before]
  const headers = notifiers[row.kind].headers({ id: row.id, body }, secrets, d.clock())
  const began = performance.now()
  const reply = await post(reach, { url: new URL(url), headers, body, ...(signal ? { signal } : {}) })
  const took = performance.now() - began
  await record(d, row, { reply, answer: answerOf(reply, url, secrets), took }, took >= slow)
}

/** What may not be read any more is withheld for good, before it is sent; jsonb gives the same text each time, and so is each try the same to the byte. */
async function bodyToSend(d: Needs, { id, namespaceKey, body }: Row): Promise<string> {
  const [written, readable] = [JSON.stringify(JSON.parse(body)), await readableBody(d, namespaceKey, body)]
  if (readable !== written) {
    await d.sql`update delivery set body = ${readable}::text::jsonb where id = ${id} and state = 'pending'`
    d.log.info({ delivery: id, namespace: namespaceKey }, 'withheld what may not be read any more from a delivery')
  }
  return readable
}

async function record(d: Needs, row: Row, { reply, answer, took }: Try, isSlow: boolean): Promise<void> {
  const now = d.clock()
  const attempts = row.attempts + 1
  // whatever becomes of the delivery; alone, so that it waits for nobody while it holds others up
  if (isSlow) await d.sql`update channel set slow_at = ${now} where id = ${row.channelId}`
  const judged = judgeReply(reply, { attempts, since: row.since, now })
  await d.sql.begin(async (tx) => {
    const state = judged.state === 'gone' ? 'failed' : judged.state
    const next = judged.state === 'pending' ? judged.nextTryAt : null
    const written = await tx`
      update delivery set state = ${state}::delivery_state, attempts = ${attempts}, next_try_at = ${next}, status = ${reply.status},
        answer = ${answer}, delivered_at = ${state === 'delivered' ? now : null}
      where id = ${row.id} and state = 'pending'`
    if (written.count === 0) return
    if (next)
      await enqueueDelivery(d, tx, row, { runAt: next, isSilent: row.isSilent || isSlow || reply.status === null })
    await follow(tx, row, judged, { now, answer })
  })
  const level = judged.state === 'delivered' ? 'info' : judged.state === 'pending' ? 'warn' : 'error'
  d.log[level](
    { delivery: row.id, channel: row.channelId, status: reply.status, took: Math.round(took), ...judged },
    'delivery tried',
  )
}

/** What one reply means to what else waits for the channel, unless that was set anew meanwhile. */
async function follow(
  tx: Tx,
  { id, channelId, sealed }: Row,
  judged: Judgement,
  { now, answer }: { now: Date; answer: string },
): Promise<void> {
  const others = tx`channel_id = ${channelId} and state = 'pending' and id <> ${id}`
  if (judged.state === 'pending' && judged.wholeChannel)
    await tx`
      update delivery set next_try_at = ${judged.nextTryAt}
      where ${others} and (next_try_at is null or next_try_at < ${judged.nextTryAt})`
  if (judged.state === 'failed' && judged.wholeChannel)
    await tx`
      update delivery set state = 'failed', next_try_at = null, answer = ${answer}
      where ${others} and since <= ${new Date(now.getTime() - givenUpAfter)}`
  if (judged.state !== 'gone') return
  const [gone] = await tx`
    update channel set enabled = false, because = 'its receiver answered 410 Gone: it wants no more'
    where id = ${channelId} and sealed = ${sealed} returning id`
  if (gone) await tx`update delivery set state = 'failed', next_try_at = null, answer = ${disabled} where ${others}`
}

/** A receiver may say our request again: neither its address, nor a part of it that could be a key, nor the secret is kept. */
function answerOf(reply: Reply, url: string, secrets: readonly string[]): string {
  if (reply.status === null) return `no answer: ${reply.because}`
  const { href, pathname, search, searchParams } = new URL(url)
  const parts = [...pathname.split('/'), ...searchParams.values()].filter((part) => part.length >= 6)
  const mask = makeMask()
  for (const hidden of [href, `${pathname}${search}`, search, ...parts, ...secrets])
    if (hidden.length > 1) mask.add(hidden)
  return shortened(mask.whole(reply.text), mostKept)
}
