import { withheldFromViewerOf } from '../access/withheld-from.ts'
import { isPlaceholder } from '../access/withhold.ts'
import type { Fragment } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { outdatedUrl } from '../links.ts'
import { type Ended, fateOf, loadSinceThen } from '../notify/fates.ts'
import { parseContent } from '../notify/parse-content.ts'
import { isGone } from '../people/gone.ts'
import { type Composed, compose, type Standing, type Waiting } from './compose.ts'
import { insertDeliveries } from './insert-deliveries.ts'
import { loadStanding } from './load-standing.ts'
import type { ChannelKind } from './notifiers.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>

type Row = Omit<Waiting, 'content'> & { root: string; content: string }

type Due = { id: string; namespaceKey: string; kind: ChannelKind; oldest: Date }

/**
 * Makes deliveries of all that waits for a channel whose oldest notice has waited for the window: one for each kind and base. Answers when
 * the next channel will be due, null where nothing waits. What waits for a disabled channel, or one of a registry that is configured no more, goes on waiting. A notice of which nothing can be
 * told keeps the reason, and is left out for an hour. Where what waits for a channel cannot be told, that is told as an error, and the others are
 * told theirs; it is tried again with what comes next. `failed`: how many.
 */
export async function gatherDeliveries(d: Needs): Promise<{ next: Date | null; failed: number }> {
  const window = d.config.notifyWindow * 1000
  const at = d.clock()
  const waiting = await d.sql<Due[]>`
    select ch.id, ch.namespace_key, ch.kind::text as kind, min(n.created_at) as oldest
    from channel_notice n join channel ch on ch.id = n.channel_id and ch.enabled and not ${isGone(d.sql, d.sql`ch.namespace_key`)}
    where ${isWaiting(d.sql, at)} group by ch.id order by oldest, ch.id`
  const now = at.getTime()
  // A clock that was set back must not hold a notice for longer than the window.
  const due = waiting.filter(({ oldest }) => Math.abs(now - oldest.getTime()) >= window)
  const known = new Map<string, Standing>()
  let failed = 0
  for (const channel of due)
    await tell(d, channel, { at, known }).catch((err: unknown) => {
      d.log.error(
        { err, channel: channel.id, namespace: channel.namespaceKey },
        'what waits for a channel cannot be told',
      )
      failed++
    })
  const later = waiting.filter((channel) => !due.includes(channel)).map(({ oldest }) => oldest.getTime() + window)
  return { next: later.length === 0 ? null : new Date(Math.min(...later, now + window)), failed }
}

/** Seconds after which it is tried again to tell what could not be told: a newer version may be able to. As of people (src/notify/gather.ts). */
const faultyAgain = 3600

/** Of a channel's notice `n`: no message has it, and it was not found faulty within the hour, whichever way the clock went. */
const isWaiting = (sql: Deps['sql'], at: Date): Fragment => sql`
  n.delivery_id is null and (n.error is null or abs(extract(epoch from ${at}::timestamptz - n.tried_at)) >= ${faultyAgain})`

async function tell(d: Needs, channel: Due, { at, known }: { at: Date; known: Map<string, Standing> }): Promise<void> {
  const rows = await d.sql<Row[]>`
    select id::float8 as id, kind::text as kind, ref, root, content::text as content from channel_notice n
    where n.channel_id = ${channel.id} and ${isWaiting(d.sql, at)} order by id`
  await loadStanding(
    d,
    rows.map(({ ref }) => ref),
    known,
  )
  const back = await wentBack(d, rows, known)
  const [waiting, faulty] = parsed(rows.filter(({ id }) => !back.has(id)))
  await markFaulty(d, channel, faulty)
  const { messages, over } = compose(waiting, known)
  await d.sql`delete from channel_notice where id = any(${[...over, ...back]}) and delivery_id is null`
  for (const composed of messages) await save(d, channel, composed)
}

/** A notice of which nothing can be told, and why. */
type Faulty = { id: number; error: string }

function parsed(rows: readonly Row[]): [Waiting[], Faulty[]] {
  const [waiting, faulty]: [Waiting[], Faulty[]] = [[], []]
  for (const row of rows) {
    const { content, odd } = parseContent(row.content)
    if (content === null) faulty.push({ id: row.id, error: odd })
    else waiting.push({ ...row, content: content as Waiting['content'] })
  }
  return [waiting, faulty]
}

/** They wait, and are tried again later; all others are told. */
async function markFaulty(d: Needs, channel: Due, faulty: readonly Faulty[]): Promise<void> {
  if (faulty.length === 0) return
  await d.sql`
    update channel_notice n set error = said.error, tried_at = ${d.clock()}
    from unnest(${faulty.map(({ id }) => id)}::bigint[], ${faulty.map(({ error }) => error.slice(0, 2000))}::text[]) as said (id, error)
    where n.id = said.id and n.delivery_id is null`
  d.log.error({ channel: channel.id, namespace: channel.namespaceKey, faulty }, 'notices cannot be told')
}

/** Ids of what was outdated by a base that is back where it was before the channel was told: no news, as for people (src/notify/fates.ts). */
async function wentBack(d: Needs, rows: readonly Row[], known: ReadonlyMap<string, Standing>): Promise<Set<number>> {
  const ended = rows.flatMap(({ id, kind, ref, root, content: text }) => {
    const { content } = parseContent(text)
    const standing = known.get(ref)
    if (
      !standing ||
      content === null ||
      (kind !== 'outdated' && kind !== 'still') ||
      standing.bases.includes(content.base)
    )
      return []
    const { base, to, since } = content
    return [{ id, ref, root: root.replace(/#\d+$/, ''), base, to, since }]
  })
  const then = await loadSinceThen(d, ended)
  const isBack = ({ id, ref, to }: Ended) => then.has(id) && fateOf({ to }, known.get(ref)!.now, then.get(id)!) === null
  return new Set(ended.filter(isBack).map(({ id }) => id))
}

/**
 * The deliveries, their notices and their jobs, or none of it: where another gathered one of the notices first the update waits for that
 * transaction, and then finds fewer rows; what is left waits for the next run.
 */
async function save(d: Needs, channel: Due, { telling, notices }: Composed): Promise<void> {
  const taken = new Error('another has gathered these notices')
  // a channel is read by whoever reads its namespace
  const told = await withheldFromViewerOf(d, channel.namespaceKey, telling)
  const namespace = channel.namespaceKey
  const of = isPlaceholder(told.base) ? { namespace } : { namespace, base: told.base }
  const message = { ...told, namespace, url: outdatedUrl(d.config.publicUrl, of), at: d.clock() }
  try {
    await d.sql.begin(async (tx) => {
      const ids = await insertDeliveries(d, tx, channel, message)
      const claimed = await tx`
        update channel_notice n set delivery_id = ${ids[0]!}, error = null, tried_at = null, content = n.content || jsonb_build_object('told', v.now)
        from unnest(${notices.map(({ id }) => id)}::bigint[], ${notices.map(({ now }) => now)}::text[]) as v (id, now)
        where n.id = v.id and n.delivery_id is null`
      if (claimed.count !== notices.length) throw taken
    })
    d.log.info({ channel: channel.id, kind: telling.kind, tags: telling.items.length }, 'gathered a delivery')
  } catch (error) {
    if (error !== taken) throw error
  }
}
