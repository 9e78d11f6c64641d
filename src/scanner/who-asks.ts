import type { Deps } from '../deps.ts'
import { stopMarking } from './mark-shown.ts'

/** Portus with an account of an admin, who alone may have it look again. */
export type AskablePortus = NonNullable<Deps['config']['portus']> & { username: string; token: string }

/** Null where none is configured, or it does not ask us. */
export const askablePortus = ({ portus, scanner }: Pick<Deps['config'], 'portus' | 'scanner'>): AskablePortus | null =>
  scanner && portus !== null && portus.username !== null && portus.token !== null
    ? { ...portus, username: portus.username, token: portus.token }
    : null

/** Enqueues the asking (ask-portus.ts), where there is a Portus to ask; else nothing is noted for it any more. */
export async function queuePortus(d: Pick<Deps, 'sql' | 'jobs' | 'config'>, runAt?: Date): Promise<void> {
  if (askablePortus(d.config) === null) await stopMarking(d.sql)
  else await d.jobs.enqueue(d.sql, 'portus', {}, { key: 'portus', queue: 'portus', ...(runAt ? { runAt } : {}) })
}
