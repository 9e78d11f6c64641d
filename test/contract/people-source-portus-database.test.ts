import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { connect } from '../../src/db/postgres.ts'
import { databaseAddress } from '../../src/people/sources/database-address.ts'
import { portusDatabase } from '../../src/people/sources/portus-database.ts'
import { freePort } from '../support/free-port.ts'
import { startMariaDb } from '../support/mariadb.ts'
import { createTables, rowsOf, tables } from '../support/portus-tables.ts'
import { requires } from '../support/requires.ts'
import { silentServer } from '../support/silent-server.ts'
import { type Holder, one, peopleSourceSuite, registry } from './people-source.ts'
import { type World, world } from './people-world.ts'

const knows = {
  cannotLack: ['everything', 'all people', 'all namespaces', 'all roles'],
  roles: true,
  disabled: true,
  bots: true,
  visibilities: ['private' as const, 'protected' as const, 'public' as const],
}
const never = new AbortController().signal
const readable = ['registries', 'namespaces', 'users', 'team_users']
/** as docs/people.md grants them */
const userColumns = 'id, username, email, display_name, admin, enabled, bot'

type DatabaseHolder = Holder & { url: (account?: string) => string; run: (statement: string) => Promise<unknown> }

const holderOf = (
  url: (account?: string) => string,
  closedPort: number,
  database: {
    set: (world: World) => Promise<void>
    run: (statement: string) => Promise<unknown>
    close: () => Promise<void>
  },
): DatabaseHolder => {
  const config = (databaseUrl: string) => ({
    ...{ kind: 'portus-database' as const, name: 'portus', registry: null, databaseUrl },
  })
  const source = (databaseUrl: string, registries: Parameters<Holder['source']>[0]) =>
    portusDatabase(config(databaseUrl), registries)
  return {
    ...database,
    url,
    config: () => config(url()),
    source: (registries) => source(url(), registries),
    broken: (registries) => {
      const elsewhere = new URL(url())
      elsewhere.port = String(closedPort)
      return { source: source(elsewhere.href, registries), code: 'unreachable' }
    },
    stranger: (registries) => source(url('reader:wrong-secret'), registries),
  }
}

/** Portus' usual database. */
async function mariaDb(): Promise<DatabaseHolder> {
  const server = await startMariaDb()
  const root = await server.connect()
  await root.query(
    'create database portus_production character set utf8 collate utf8_general_ci; use portus_production',
  )
  for (const statement of createTables('mysql')) await root.query(statement)
  await root.query("create user 'reader'@'%' identified by 'p@ss/w:rd'")
  for (const table of readable)
    await root.query(
      `grant select ${table === 'users' ? `(${userColumns})` : ''} on portus_production.${table} to 'reader'@'%'`,
    )
  const url = (account = 'reader:p%40ss%2Fw%3Ard') => `mysql://${account}@127.0.0.1:${server.port}/portus_production`
  return holderOf(url, await freePort(), {
    async set(said) {
      const rows = rowsOf(said)
      for (const table of tables) {
        await root.query(`delete from ${table}`)
        const [first] = rows[table]
        if (!first) continue
        const values = rows[table].map((row) => Object.values(row))
        await root.query(`insert into ${table} (${Object.keys(first)}) values ?`, [values])
      }
    },
    run: (statement) => root.query(statement),
    async close() {
      await root.end()
      await server.close()
    },
  })
}

async function postgres(): Promise<DatabaseHolder> {
  const server = process.env.DRYDOCK_TEST_POSTGRES!
  const name = `portus_${randomBytes(6).toString('hex')}`
  const admin = connect(server, { max: 1 })
  await admin.unsafe(`create database ${name}`)
  const own = connect(server.replace(/\/postgres$/, `/${name}`), { max: 1 })
  for (const statement of createTables('postgres')) await own.unsafe(statement)
  await own.unsafe(`create role ${name} login password 'p@ss/w:rd'; grant select on ${readable} to ${name}`)
  const url = (account = 'reader:p%40ss%2Fw%3Ard') => {
    const address = new URL(server.replace(/^postgres(ql)?:/, 'http:'))
    return `postgres://${account.replace('reader', name)}@${address.host}/${name}`
  }
  return holderOf(url, await freePort(), {
    async set(said) {
      const rows = rowsOf(said)
      await own.begin(async (tx) => {
        for (const table of tables) {
          await tx.unsafe(`delete from ${table}`)
          await tx.unsafe(
            `insert into ${table} select * from json_populate_recordset(null::${table}, $1::text::json)`,
            [JSON.stringify(rows[table].map((row, i) => ({ id: i + 1, ...row })))],
          )
        }
      })
    },
    run: (statement) => own.unsafe(statement),
    async close() {
      await own.end({ timeout: 5 })
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.unsafe(`drop role ${name}`)
      await admin.end()
    },
  })
}

requires('mariadb')('Portus on MariaDB', () =>
  portusSuite(mariaDb, {
    noTls: 'does not support secure connection',
    widen: 'alter table users modify id bigint not null; alter table team_users modify user_id bigint',
  }),
)
describe('Portus on PostgreSQL', () =>
  portusSuite(postgres, {
    noTls: 'before secure TLS connection was established',
    widen: 'alter table users alter id type bigint; alter table team_users alter user_id type bigint',
  }))

/** `noTls`: how it is told that a server has no TLS; `widen`: makes ids of users bigints. */
function portusSuite(start: () => Promise<DatabaseHolder>, { noTls, widen }: { noTls: string; widen: string }): void {
  let own: DatabaseHolder
  peopleSourceSuite(async () => (own = await start()), knows)

  test('a registry is known by its external host name and by an alias too', async () => {
    await own.set(world())
    await own.run("update registries set hostname = 'registry:5000', external_hostname = 'hub.example.org'")
    for (const registries of [[registry('hub.example.org')], [registry('reg.test', ['registry:5000'])]]) {
      const { namespaces } = await own.source(registries).read(never)
      expect(namespaces).toHaveLength(6)
    }
    await expect(own.source(one).read(never)).rejects.toMatchObject({
      code: 'no-such-registry',
      message: expect.stringContaining('registry:5000'),
    })
  })

  test('of two registries the one that is not configured is left out, and said', async () => {
    await own.set(world())
    await own.run("insert into registries (id, name, hostname) values (2, 'second', 'second.test')")
    await own.run("insert into namespaces (id, name, team_id, registry_id, visibility) values (1000, 'far', 1, 2, 2)")
    const { namespaces, members, notes } = await own.source(one).read(never)
    expect(namespaces.map(({ key }) => key)).not.toContain('far')
    expect(members.map(({ namespace }) => namespace)).not.toContain('far')
    expect(notes.join()).toContain('"second.test"')
  })

  test('what is no number of a role or a visibility gives none', async () => {
    await own.set(world())
    await own.run('update team_users set role = 7 where user_id = 2')
    await own.run("update namespaces set visibility = null where name = 'app'")
    const { namespaces, members, notes } = await own.source(one).read(never)
    expect(members.filter(({ user }) => user === 'ada')).toEqual([])
    expect(namespaces.find(({ key }) => key === 'app')).toEqual({ key: 'app', visibility: null })
    expect(notes.join()).toContain('"ada"')
  })

  test('ids of any width are ids', async () => {
    await own.set(world())
    await own.run(widen)
    await own.run('update users set id = 9007199254740993 where id = 2')
    await own.run('update team_users set user_id = 9007199254740993 where user_id = 2')
    const { members } = await own.source(one).read(never)
    expect(members.filter(({ user, namespace }) => user === 'ada' && namespace === 'app')).toHaveLength(1)
  })

  test('a database that is none of Portus, or may not be read, is said to be', async () => {
    await own.run('alter table users rename to people')
    await expect(own.source(one).read(never)).rejects.toMatchObject({ code: 'nonsense' })
    await own.run('alter table people rename to users')
    await own.set(world())
    await expect(own.source(one).read(never)).resolves.toMatchObject({ notes: [] })
  })

  test('the server is not waited for for longer than it may take', async () => {
    const silent = await silentServer()
    const url = new URL(own.url())
    url.port = String(silent.port)
    const limits = { connectMs: 300, idleMs: 300, totalMs: 600, maxBytes: 1000 }
    const config = { kind: 'portus-database' as const, name: 'portus', registry: null, databaseUrl: url.href }
    await expect(portusDatabase(config, one, limits).read(never)).rejects.toMatchObject({ code: 'timeout' })
    await silent.close()
  })

  test('a server without TLS is not told the password where TLS is wanted', async () => {
    const config = {
      kind: 'portus-database' as const,
      name: 'portus',
      registry: null,
      databaseUrl: `${own.url()}?sslmode=verify-full`,
    }
    await expect(portusDatabase(config, one).read(never)).rejects.toMatchObject({
      ...{ name: 'SourceError', code: 'unreachable', message: expect.stringContaining(noTls) },
    })
  })
}

test('an address is taken apart, and what is encoded in it decoded', () => {
  expect(databaseAddress('mysql://a%40b:p%2Fw@db.test/portus%20x?sslmode=verify-full&sslrootcert=%2Fca.pem')).toEqual({
    ...{ kind: 'mysql', host: 'db.test', port: 3306, user: 'a@b', password: 'p/w', database: 'portus x' },
    tls: { verify: true, caFile: '/ca.pem' },
  })
})
