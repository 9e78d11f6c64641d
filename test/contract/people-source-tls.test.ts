import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startEmbedded } from '../../src/db/embedded.ts'
import { connect } from '../../src/db/postgres.ts'
import { eventually } from '../../src/demo/watch.ts'
import { portusDatabase } from '../../src/people/sources/portus-database.ts'
import { type Authority, makeAuthority, makeCertificate } from '../support/certificate.ts'
import { startMariaDb } from '../support/mariadb.ts'
import { createTables } from '../support/portus-tables.ts'
import { requires } from '../support/requires.ts'
import { one } from './people-source.ts'

/** Real servers with certificates of a real authority: whom a database is believed to be. */
type Pair = { key: string; cert: string }
type Server = { url: (host: string) => string; present: (pair: Pair) => Promise<void>; close: () => Promise<void> }

const never = new AbortController().signal
let authority: Authority
beforeAll(() => {
  authority = makeAuthority()
})
afterAll(() => authority.remove())
const folder = () => mkdtempSync(join(tmpdir(), 'people-tls-'))

async function mariaDb(): Promise<Server> {
  const dir = folder()
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const put = (pair: Pair) => {
    writeFileSync(key, pair.key)
    writeFileSync(cert, pair.cert)
  }
  put(authority.issue('DNS:first.test'))
  const server = await startMariaDb([`--ssl-cert=${cert}`, `--ssl-key=${key}`])
  const root = await server.connect()
  await root.query('create database portus; use portus')
  for (const statement of createTables('mysql')) await root.query(statement)
  await root.query("create user 'reader'@'%' identified by 'pw'; grant select on portus.* to 'reader'@'%'")
  return {
    url: (host) => `mysql://reader:pw@${host}:${server.port}/portus`,
    async present(pair) {
      put(pair)
      await root.query('flush ssl')
    },
    async close() {
      await root.end()
      await server.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function postgres(): Promise<Server> {
  const dir = folder()
  const server = await startEmbedded(dir, { durable: false })
  const { uid, gid } = statSync(join(dir, 'postgres'))
  const own = connect(server.url, { max: 1 })
  await own.unsafe('create database portus')
  const tables = connect(server.url.replace(/\/postgres$/, '/portus'), { max: 1 })
  for (const statement of createTables('postgres')) await tables.unsafe(statement)
  await tables.end()
  let made = 0
  return {
    url: (host) => server.url.replace('127.0.0.1', host).replace(/\/postgres$/, '/portus'),
    async present(pair) {
      made += 1
      const files = { ssl_key_file: pair.key, ssl_cert_file: pair.cert }
      const paths = Object.entries(files).map(([name, text]) => {
        // below the data folder, as the server sees no other: it may run as another user
        const path = join(dir, 'postgres', `${name}-${made}`)
        writeFileSync(path, text, { mode: 0o600 })
        chownSync(path, uid, gid)
        return [name, `${name}-${made}`] as const
      })
      for (const [name, path] of paths) await own.unsafe(`alter system set ${name} = '${path}'`)
      await own.unsafe('alter system set ssl = on')
      await own.unsafe('select pg_reload_conf()')
      await eventually('new sessions have that certificate', 60, async () => {
        const fresh = connect(server.url, { max: 1 })
        const [row] = await fresh.unsafe<{ file: string }[]>("select current_setting('ssl_cert_file') as file")
        await fresh.end()
        return row?.file === paths[1]?.[1] ? true : null
      })
    },
    async close() {
      await own.end()
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

requires('mariadb')('MariaDB', () => suite(mariaDb))
describe('PostgreSQL', () => suite(postgres))

function suite(start: () => Promise<Server>): void {
  let server: Server
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.close())
  const read = (host: string, query: string) =>
    portusDatabase(
      { kind: 'portus-database', name: 'portus', registry: null, databaseUrl: `${server.url(host)}?${query}` },
      one,
    )
      .read(never)
      .then(
        ({ people }) => people.length,
        (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
      )
  const verified = (host: string) => read(host, `sslmode=verify-full&sslrootcert=${encodeURIComponent(authority.file)}`)
  const other = (host: string) => expect.stringMatching(new RegExp(`^unreachable: .*${host}.? is not in the cert's`))

  test('a certificate for the address: by the address, not by a name', async () => {
    await server.present(authority.issue('IP:127.0.0.1', 'DNS:db.test'))
    expect(await verified('127.0.0.1')).toBe(0)
    expect(await verified('localhost')).toEqual(other('localhost'))
  })

  test('a certificate for localhost: by that name, not by the address', async () => {
    await server.present(authority.issue('DNS:localhost', 'IP:127.0.0.9'))
    expect(await verified('localhost')).toBe(0)
    expect(await verified('127.0.0.1')).toEqual(other('127.0.0.1'))
  })

  test('a certificate for somebody else: by neither; only who does not ask is content', async () => {
    await server.present(authority.issue('DNS:evil.test', 'IP:127.0.0.9'))
    for (const host of ['localhost', '127.0.0.1']) {
      expect(await verified(host)).toEqual(other(host))
      expect(await read(host, 'sslmode=require')).toBe(0)
    }
  })

  test('one that vouches for itself, or is by an authority that is not known, is refused', async () => {
    const self = makeCertificate()
    await server.present(self)
    expect(await verified('localhost')).toMatch(/^unreachable: .*self-signed certificate/)
    self.remove()
    await server.present(authority.issue('DNS:localhost'))
    expect(await read('localhost', 'sslmode=verify-full')).toMatch(/^unreachable: .*certificate/)
  })
}
