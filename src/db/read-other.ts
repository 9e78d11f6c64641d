import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import postgres from 'postgres'
import { timed } from '../timed.ts'

/** A PostgreSQL that is not ours. `tls` null: not encrypted. */
type Address = {
  host: string
  port: number
  user: string
  password: string
  database: string
  tls: { verify: boolean } | null
}
type Ask = {
  statements: readonly string[]
  /** PEM; null: the usual authorities */
  ca: string | null
  limits: { connectMs: number; totalMs: number }
  signal: AbortSignal
}

/** Asks somebody else's PostgreSQL, in one read-only transaction that sees one moment. Rows as they come, columns as they are called. */
export function readOther(address: Address, { statements, ca, limits, signal }: Ask): Promise<unknown[][]> {
  const sql = postgres({
    ...{ host: address.host, port: address.port, user: address.user, password: address.password },
    database: address.database,
    ...{ max: 1, fetch_types: false, prepare: false, onnotice: () => {}, connect_timeout: limits.connectMs / 1000 },
    connection: { application_name: 'drydock', statement_timeout: limits.totalMs },
    ssl: address.tls
      ? {
          rejectUnauthorized: address.tls.verify,
          // the library tells no name where the host is an address, and Node then checks for "localhost"
          checkServerIdentity: (_: string, certificate: PeerCertificate) =>
            checkServerIdentity(address.host, certificate),
          ...(ca === null ? {} : { ca }),
        }
      : false,
  })
  const work = async () => {
    try {
      return await sql.begin('isolation level repeatable read read only', async (tx) => {
        const rows: unknown[][] = []
        for (const statement of statements) rows.push([...(await tx.unsafe(statement))])
        return rows
      })
    } finally {
      await sql.end({ timeout: 0 })
    }
  }
  return timed(work(), limits.totalMs, signal, () => void sql.end({ timeout: 0 }))
}
