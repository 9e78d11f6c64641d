import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** Mails sent at the same time: each holds a database connection while the mail server thinks. */
const lanes = 4

/** The job that sends a mail. Key: the mail; one job of it waits at most. */
export async function enqueueMail(d: Pick<Deps, 'jobs'>, tx: Tx, mailId: string, runAt?: Date): Promise<void> {
  const lane = Number.parseInt(mailId.slice(0, 8), 16) % lanes
  await d.jobs.enqueue(
    tx,
    'mail',
    { mailId },
    { key: `mail:${mailId}`, queue: `mail:${lane}`, ...(runAt ? { runAt } : {}) },
  )
}
