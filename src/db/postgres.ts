import postgres from 'postgres'

const options = { transform: postgres.camel, types: { bigint: postgres.BigInt } } as const

/** postgres.js: columns come as camelCase, int8 as bigint. */
export type Sql = postgres.Sql<{ bigint: bigint }>

/** Inside a transaction, or outside where one statement is enough. */
export type Tx = Sql | postgres.TransactionSql<{ bigint: bigint }>

/** A part of a statement, or one that is not sent yet. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>

/** A pool of up to `max` connections, opened as they are needed and again after the database was away. */
export const connect = (url: string, { max = 10, onclose }: { max?: number; onclose?: () => void } = {}): Sql =>
  postgres(url, {
    ...options,
    max,
    max_lifetime: null,
    connect_timeout: 10,
    // seconds; the library's own waits up to 20, and work should resume soon after the database is back
    backoff: (retries: number) => Math.min(3 ** retries / 100, 1),
    connection: { application_name: 'drydock' },
    onnotice: () => {},
    ...(onclose ? { onclose } : {}),
  })
