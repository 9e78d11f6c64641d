/**
 * A process of its own that loses a connection while postgres.js asks it for its types: `node lose-type-fetch.ts DATABASE_URL`.
 * Says how the query that wanted the connection ended, if it lives to tell.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial } from 'node:net'
import { connect } from '../../src/db/postgres.ts'

const address = process.argv[2]
const target = new URL(address!)
const behind = Number(target.port)
/** What a server that is being stopped says. https://www.postgresql.org/docs/current/protocol-message-formats.html (ErrorResponse) */
const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')
const shuttingDown = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), fields])
shuttingDown.writeInt32BE(fields.length + 4, 1)

const server = createServer((near) => {
  const far = dial(behind, target.hostname)
  near.on('data', (bytes) => (bytes.includes('typarray') ? near.end(shuttingDown) : far.write(bytes)))
  far.on('data', (bytes) => near.write(bytes))
  near.on('close', () => far.destroy()).on('error', () => far.destroy())
  far.on('close', () => near.destroy()).on('error', () => near.destroy())
})
await once(server.listen(0, '127.0.0.1'), 'listening')
target.port = String((server.address() as AddressInfo).port)
const sql = connect(target.href, { max: 1 })
const told = await Promise.race([
  sql`select 1`.then(
    () => 'answered',
    (error: Error) => `told: ${'code' in error ? String(error.code) : error.message}`,
  ),
  new Promise((resolve) => setTimeout(() => resolve('never told'), 90_000)),
])
console.log(told)
// what nobody awaits is reported in a later turn
setTimeout(() => process.exit(0), 500)
