import { types } from 'node:util'

/** Of the network, as Node's sockets and its looking up of names say it, and of postgres.js itself. */
const networks =
  /^(CONNECTION_\w+|CONNECT_TIMEOUT|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENETRESET|EADDRNOTAVAIL|ENOTFOUND|EAI_\w+)$/

/**
 * SQLSTATE: class 08 (connection), class 53 (no room for another connection, memory or disk full), 57P0x (it ends, was ended, is starting),
 * 3D000 (the database is gone, as while a backup is put back), 25006 (the server is a standby by now).
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const servers = /^(08|53)[0-9A-Z]{3}$|^57P0[0-9]$|^(3D000|25006)$/

/** Not reached, no time, no connection free, closed. https://www.prisma.io/docs/orm/reference/error-reference */
const prismas = /^P(1001|1002|1003|1008|1017|2024|2037)$/

/** pg, under Prisma and the job queue, says these without a code. */
const codeless =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/

/**
 * The one list of errors of whatever reaches our database (postgres.js, Prisma, pg) that are not of a statement: it could not be asked, could
 * not answer, or is not to be written to just now. What was asked may be asked again once it is back. Pure.
 */
export function isLostDatabase(error: unknown): boolean {
  // not by `instanceof`, which knows no error of another realm
  if (!types.isNativeError(error)) return false
  if (!('code' in error) || error.code === undefined) return codeless.test(error.message)
  const code = String(error.code)
  return networks.test(code) || servers.test(code) || prismas.test(code)
}
