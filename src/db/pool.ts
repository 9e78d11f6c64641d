import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { isLostDatabase } from './is-lost-database.ts'

/**
 * A pool for the job queue, which brings no driver of its own. `onError`: an idle connection broke; the pool makes a new one when
 * it is needed. Without a listener such an error would end the process.
 *
 * A connection that is lost or refused fails with the code EHOSTUNREACH, whatever it was: of the codes of a lost connection the
 * queue tries only that one again (graphile-worker 0.18, RETRYABLE_ERROR_CODES). It does not await what it writes at a job's end,
 * so that any other code is an unhandled rejection there, which would end the process too.
 */
export function makePool(url: string, max: number, onError: (error: Error) => void): pg.Pool {
  const pool = new QueuePool({
    connectionString: url,
    max,
    application_name: 'drydock',
    connectionTimeoutMillis: 10_000,
  })
  pool.on('error', onError)
  pool.on('connect', (client) => {
    client.on('error', onError)
    const query = client.query.bind(client) as Asked
    Object.assign(client, { query: (...words: unknown[]) => retryable(query(...words)) })
  })
  return pool
}

/** How long an end waits for what is still being written, milliseconds; the database may be away. */
const drainMs = 2000

class QueuePool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>
  override connect(callback: Parameters<pg.Pool['connect']>[0]): void
  override connect(callback?: Parameters<pg.Pool['connect']>[0]): unknown {
    if (callback) return super.connect(callback)
    // Refused, the queue would ask for minutes, and keep the process alive; what it has not written by now is left to a sweep.
    if (this.ending) return new Promise(() => {})
    return retryable(super.connect())
  }

  /** A pool that ends serves nobody who waits; the queue has stopped, and may not have been given the connection to write that with. */
  override end(): Promise<void>
  override end(callback: () => void): void
  override end(callback?: () => void): unknown {
    if (callback) return super.end(callback)
    return this.#drained().then(() => super.end())
  }

  async #drained(): Promise<void> {
    const until = performance.now() + drainMs
    while (this.waitingCount + this.totalCount > this.idleCount && performance.now() < until) await sleep(10)
  }
}

type Asked = (...words: unknown[]) => unknown

/** The same answer; a failure to reach the database is said so that the queue understands it. */
const retryable = (answer: unknown): unknown =>
  answer instanceof Promise
    ? answer.catch((error: Error & { code?: string }) => {
        throw isLost(error) ? Object.assign(error, { code: 'EHOSTUNREACH' }) : error
      })
    : answer

/** PostgreSQL's answers have a SQLSTATE: five signs, a digit among them. What has none is of the connection. */
const isLost = (error: { code?: string }): boolean =>
  !/^(?=.*\d)[0-9A-Z]{5}$/.test(error.code ?? '') || isLostDatabase(error)
