import { connect } from 'node:net'
import { createConnection } from 'mysql2/promise'
import { timed } from '../../timed.ts'
import type { ReadRows } from './portus-database.ts'

/** MySQL 5.7 or MariaDB 10.1 and newer. The server may ask for no file of ours, and is told no second statement in one. */
export const readMysql: ReadRows = (address, { statements, ca, limits, signal }) => {
  let destroy: () => void = () => {}
  const work = async (): Promise<unknown[][]> => {
    // The certificate is checked for the name that the socket was connected by, and a socket keeps none where that is an address:
    // Node would then check for "localhost" (tls.connect, `options.socket._host`).
    const stream = Object.assign(connect(address.port, address.host).setNoDelay(true), { _host: address.host })
    const connection = await createConnection({
      stream,
      ...{ host: address.host, port: address.port, user: address.user, password: address.password },
      database: address.database,
      charset: 'utf8mb4',
      supportBigNumbers: true,
      connectTimeout: limits.connectMs,
      multipleStatements: false,
      flags: ['-LOCAL_FILES'],
      ...(address.tls
        ? {
            ssl: {
              rejectUnauthorized: address.tls.verify,
              verifyIdentity: address.tls.verify,
              ...(ca === null ? {} : { ca }),
            },
          }
        : {}),
    })
    destroy = () => connection.destroy()
    try {
      // an error of a connection that nobody waits for would end the process
      connection.on('error', () => destroy())
      await connection.query('set transaction isolation level repeatable read')
      await connection.query('start transaction with consistent snapshot, read only')
      const rows: unknown[][] = []
      for (const statement of statements) rows.push((await connection.query(statement))[0] as unknown[])
      await connection.query('rollback')
      return rows
    } finally {
      connection.destroy()
    }
  }
  return timed(work(), limits.totalMs, signal, () => destroy())
}
