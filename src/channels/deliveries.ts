import type { Deps } from '../deps.ts'
import { outdatedUrl } from '../links.ts'
import { enqueueDelivery } from './enqueue-delivery.ts'
import { insertDeliveries } from './insert-deliveries.ts'
import type { ChannelKind } from './notifiers.ts'
import { readableBody } from './readable-body.ts'

/** A delivery as the log shows it. `status`, `answer`: of the last try. */
export type DeliveryView = {
  id: string
  type: string
  state: 'pending' | 'delivered' | 'failed' | 'kept'
  attempts: number
  status: number | null
  answer: string | null
  createdAt: Date
  nextTryAt: Date | null
  deliveredAt: Date | null
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Newest first, one beyond the limit. `after`: time and id of the last of the page before. */
export const listDeliveries = (
  d: Pick<Deps, 'sql'>,
  channelId: string,
  { after, limit }: { after: readonly [string, string] | null; limit: number },
): Promise<DeliveryView[]> => d.sql<DeliveryView[]>`
  select id, type, state, attempts, status, answer, created_at, next_try_at, delivered_at from delivery
  where channel_id = ${channelId}
    and (${after === null} or (created_at, id) < (${after?.[0] ?? '1970-01-01T00:00:00Z'}::timestamptz, ${after?.[1] ?? null}::uuid))
  order by created_at desc, id desc limit ${limit + 1}`

/** `body`: JSON. */
export type WholeDelivery = DeliveryView & { namespaceKey: string; body: string }

/** One with its body, as it was sent or would be now, and the namespace it is of; null where there is none. */
export async function getDelivery(d: Pick<Deps, 'sql' | 'config'>, id: string): Promise<WholeDelivery | null> {
  if (!uuid.test(id)) return null
  const [found] = await d.sql<WholeDelivery[]>`
    select dl.id, dl.type, dl.state, dl.attempts, dl.status, dl.answer, dl.created_at, dl.next_try_at, dl.delivered_at,
      dl.body::text as body, ch.namespace_key
    from delivery dl join channel ch on ch.id = dl.channel_id where dl.id = ${id}`
  if (!found) return null
  return found.state === 'delivered' ? found : { ...found, body: await readableBody(d, found.namespaceKey, found.body) }
}

type Sending = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config'>

/** Sends a delivery at once, whatever became of it, under the same id; three days from now it is given up. */
export async function replayDelivery(
  d: Sending,
  id: string,
): Promise<'replayed' | 'not-found' | 'disabled' | 'observing'> {
  if (!uuid.test(id)) return 'not-found'
  return d.sql.begin(async (tx) => {
    const [found] = await tx<{ id: string; channelId: string; enabled: boolean }[]>`
      select dl.id, dl.channel_id, ch.enabled from delivery dl join channel ch on ch.id = dl.channel_id
      where dl.id = ${id} for update of dl`
    if (!found) return 'not-found'
    if (!found.enabled) return 'disabled'
    if (d.config.observe) return 'observing'
    await tx`
      update delivery set state = 'pending', attempts = 0, since = ${d.clock()}, next_try_at = null, delivered_at = null
      where id = ${found.id}`
    await enqueueDelivery(d, tx, found)
    return 'replayed'
  })
}

/** Tells a channel that it works. Answers the delivery's id. */
export async function testChannel(
  d: Sending,
  namespaceKey: string,
  channel: { id: string; kind: ChannelKind },
): Promise<string> {
  const url = outdatedUrl(d.config.publicUrl, { namespace: namespaceKey })
  const message = { kind: 'test', namespace: namespaceKey, at: d.clock(), url } as const
  const [id] = await d.sql.begin((tx) => insertDeliveries(d, tx, channel, message))
  return id!
}
