import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** Receivers that did not answer last time, or were slow, are tried in so many places, all channels together: the others have the rest. */
const silentLanes = 4

/**
 * The job that tries a delivery. Key: the delivery; of one channel one runs at a time, so that its receiver holds up nobody else's.
 * `isSilent`: its receiver did not answer the last time, or was slow.
 */
export const enqueueDelivery = (
  d: Pick<Deps, 'jobs'>,
  tx: Tx,
  { id, channelId }: { id: string; channelId: string },
  { runAt = null, isSilent = false }: { runAt?: Date | null; isSilent?: boolean } = {},
): Promise<void> =>
  d.jobs.enqueue(
    tx,
    'deliver',
    { deliveryId: id, ...(isSilent ? { silent: true } : {}) },
    {
      key: `deliver:${id}`,
      queue: isSilent ? `silent-channels:${laneOf(channelId)}` : `channel:${channelId}`,
      ...(runAt ? { runAt } : {}),
    },
  )

const laneOf = (channelId: string): number => Number.parseInt(channelId.slice(0, 8), 16) % silentLanes
