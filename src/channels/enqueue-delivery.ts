import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** The job that tries a delivery. Key: the delivery; of one channel one runs at a time, so that its receiver holds up nobody else's. */
export const enqueueDelivery = (
  d: Pick<Deps, 'jobs'>,
  tx: Tx,
  { id, channelId }: { id: string; channelId: string },
  runAt?: Date | null,
): Promise<void> =>
  d.jobs.enqueue(
    tx,
    'deliver',
    { deliveryId: id },
    { key: `deliver:${id}`, queue: `channel:${channelId}`, ...(runAt ? { runAt } : {}) },
  )
