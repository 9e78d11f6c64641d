import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { connect } from './postgres.ts'

export class DatabaseError extends Error {
  override name = 'DatabaseError'
  readonly code: 'database-unreachable' | 'database-too-old'
  readonly retryable = true
  constructor(code: DatabaseError['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

const oldest = 140_000

/** Waits until the database answers: `patience` seconds at most, asking every `every` seconds. */
export async function waitForDatabase(url: string, log: Logger, { patience = 90, every = 5 } = {}): Promise<void> {
  const sql = connect(url, { max: 1 })
  try {
    for (const end = Date.now() + patience * 1000; ; await sleep(every * 1000)) {
      const found = await sql<
        { version: number }[]
      >`select current_setting('server_version_num')::int as version`.catch((error: unknown) => error)
      if (Array.isArray(found)) {
        const version: number = found[0].version
        if (version < oldest)
          throw new DatabaseError('database-too-old', `PostgreSQL 14 or newer is needed, this is ${version}`)
        return
      }
      if (Date.now() + every * 1000 > end)
        throw new DatabaseError(
          'database-unreachable',
          `the database did not answer for ${patience} s: ${(found as Error).message}`,
          found,
        )
      log.warn({ err: (found as Error).message }, 'waiting for the database')
    }
  } finally {
    await sql.end()
  }
}
