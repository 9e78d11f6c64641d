import type { Tx } from '../db/postgres.ts'
import { raiseLock } from './raise-notices.ts'

/**
 * Takes back the notices that wait for a mail or a channel's message, of these tags, or of causes that come from or through this base: nobody is to hear of
 * them now. They are raised anew when that ends. Give it after what keeps new ones from being raised, in one transaction.
 */
export async function withdrawNotices(
  tx: Tx,
  { refs = [], base = null }: { refs?: string[]; base?: string | null },
): Promise<void> {
  if (refs.length === 0 && base === null) return
  await tx`select pg_advisory_xact_lock(${raiseLock})`
  await tx`
    delete from notice where mail_id is null
      and (ref = any(${refs}) or content->>'base' = ${base} or content->>'via' = ${base})`
  await tx`
    delete from channel_notice where delivery_id is null
      and (ref = any(${refs}) or content->>'base' = ${base} or content->>'via' = ${base})`
}
