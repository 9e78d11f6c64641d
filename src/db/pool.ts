import pg from 'pg'

/**
 * A pool for libraries that bring no driver of their own. `onError`: an idle connection broke; the pool makes a new one when it is
 * needed. Without a listener such an error would end the process.
 */
export function makePool(url: string, max: number, onError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max, application_name: 'drydock' })
  pool.on('error', onError)
  // a connection that breaks between two queries of the one who holds it fails its next query, which tells
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}
