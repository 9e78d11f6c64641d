import { randomUUID } from 'node:crypto'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { enqueueDelivery } from './enqueue-delivery.ts'
import type { Message } from './notifier.ts'
import { type ChannelKind, notifiers } from './notifiers.ts'

type Needs = Pick<Deps, 'jobs' | 'clock' | 'config'>

/** The deliveries of a message, with their jobs; kept, without, where nothing is sent. Answers their ids, in their order. */
export async function insertDeliveries(
  d: Needs,
  tx: Tx,
  channel: { id: string; kind: ChannelKind },
  message: Message,
): Promise<string[]> {
  const written = notifiers[channel.kind].write(message, { publicUrl: d.config.publicUrl }, randomUUID)
  const state = d.config.observe ? 'kept' : 'pending'
  const now = d.clock()
  for (const { id, type, body } of written) {
    await tx`
      insert into delivery (id, channel_id, type, body, state, created_at, since)
      values (${id}, ${channel.id}, ${type}, ${JSON.stringify(body)}::text::jsonb, ${state}::delivery_state, ${now}, ${now})`
    if (state === 'pending') await enqueueDelivery(d, tx, { id, channelId: channel.id })
  }
  return written.map(({ id }) => id)
}
