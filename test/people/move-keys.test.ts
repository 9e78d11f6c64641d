import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { listMembers, putMember } from '../../src/people/members.ts'
import { moveKeys } from '../../src/people/move-keys.ts'
import { setVisibility } from '../../src/people/namespaces.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { introduceRegistries } from '../../src/watch/introduce-registries.ts'
import { configFor } from '../notify/config.ts'
import { addTag, sha, wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate tag_policy, pause, audit, git_delivery, notify_namespace, setting`
})
afterAll(() => pg.close())

/** What a start with these registries does to what is stored. */
async function start(...registries: string[]): Promise<void> {
  const config = configFor(registries)
  const d = { ...testDeps(pg), config, registries: makeRegistries(config.registries, testDeps(pg).log, config) }
  await moveKeys(d)
  await introduceRegistries(d)
  d.registries.close()
}

/** A row of "zork" in every table that knows namespaces. */
async function everywhere(): Promise<void> {
  const { sql } = pg
  await putMember(pg, 'zork', 'ada', { role: 'owner', email: 'ada@example.org' })
  await setVisibility(pg, 'zork', 'protected')
  await addTag(sql, 'a.test/zork/run:1', { digest: sha('x') })
  await sql`insert into credential (namespace_key, name, kind, url_prefix, sealed, updated_at) values ('zork', 'c', 'git', 'https://x', 's', now())`
  await sql`insert into git_hook (namespace_key, sealed, updated_at) values ('zork', 's', now())`
  await sql`insert into git_delivery (namespace_key, id, received_at, outcome) values ('zork', 'd', now(), '{}')`
  await sql`insert into channel (namespace_key, name, kind, sealed, created_at) values ('zork', 'c', 'slack', 's', now())`
  await sql`insert into notify_namespace (user_name, namespace_key, every) values ('ada', 'zork', 'off')`
  await sql`insert into notice (user_name, namespace, ref, root, content) values ('ada', 'zork', 'a.test/zork/run:1', 'r', '{}')`
  await sql`
    insert into mail (message_id, user_name, about, named, "to", subject, text, html, state)
    values ('<1@x>', 'ada', '{zork a.test/zork/run,other a.test/other/run}', '{zork,hush}', 'ada@example.org', 's', 't', 'h', 'pending')`
  await sql`insert into build (ref, key, reason, recipe, namespace_key) values ('a.test/zork/run:1', 'k', '{}', '{}', 'zork')`
  await sql`insert into tag_policy (scope, include, exclude, immutable, updated_at) values ('zork', '{}', '{}', '{}', now()), ('a.test/zork/run', '{}', '{}', '{}', now())`
  await sql`insert into pause (scope) values ('zork'), ('*')`
  await sql`insert into token (user_name, name, hash, scopes, created_at) values ('ada', 't', 'h', '{read,build:zork,manage:other}', now())`
  await sql`insert into audit (at, actor, via, action, subject, namespace, request_id) values (now(), 'ada', 'session', 'PUT', 'members/eve', 'zork', 'r')`
}

/** Tables with a row in which this stands as a namespace. */
async function tablesWith(key: string): Promise<string[]> {
  const tables = await pg.sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`
  const found: string[] = []
  for (const { name } of tables) {
    const marks = [`%"${key}"%`, `%"${key} %`, `%:${key}"%`]
    const [row] = await pg.sql`select from ${pg.sql(name)} t where to_jsonb(t)::text like any(${marks}) limit 1`
    if (row) found.push(name)
  }
  return found
}
const history = ['repository']

describe('a second registry', () => {
  beforeEach(async () => {
    await start('a.test')
    await everywhere()
  })

  test('takes along all that was said of namespaces, wherever it stands; and leaves it to the first again', async () => {
    const known = await pg.sql<{ name: string }[]>`
      select distinct table_name as name from information_schema.columns where table_schema = 'public'
        and (column_name in ('namespace', 'namespace_key', 'scope') or (column_name = 'key' and table_name like 'namespace%'))`
    const tables = await tablesWith('zork')
    expect(known.map(({ name }) => name).filter((name) => !tables.includes(name))).toEqual([])

    await start('a.test', 'b.test')
    expect(await tablesWith('zork')).toEqual(history)
    expect(await tablesWith('a.test/zork')).toEqual(tables.filter((name) => !history.includes(name)))
    expect((await listMembers(pg, 'a.test/zork')).map(({ user, role }) => [user, role])).toEqual([['ada', 'owner']])
    expect(await pg.sql`select about, named from mail`).toEqual([
      {
        about: ['a.test/zork a.test/zork/run', 'a.test/other a.test/other/run'],
        named: ['a.test/zork', 'a.test/hush'],
      },
    ])
    expect(await pg.sql`select scopes from token`).toEqual([
      { scopes: ['read', 'build:a.test/zork', 'manage:a.test/other'] },
    ])
    expect(await pg.sql`select scope from pause order by scope`).toEqual([{ scope: '*' }, { scope: 'a.test/zork' }])
    expect(await pg.sql`select scope from tag_policy order by scope`).toEqual([
      { scope: 'a.test/zork' },
      { scope: 'a.test/zork/run' },
    ])
    expect(await pg.sql`select visibility::text from namespace`).toEqual([{ visibility: 'protected' }])
    const jobs = await pg.sql<
      { key: string }[]
    >`select key from graphile_worker._private_jobs where key like 'curate:%' order by key`
    expect(jobs.map(({ key }) => key)).toEqual(['curate:a.test/zork'])

    await start('b.test', 'a.test')
    expect(await tablesWith('zork')).toEqual(history)
    await start('a.test')
    expect(await tablesWith('zork')).toEqual(tables)
    expect(await tablesWith('a.test/zork')).toEqual([])
    await start('a.test', 'c.test')
    expect(await tablesWith('zork')).toEqual(history)
  })

  test('what stands under the new key already is not overwritten, and nothing is lost', async () => {
    await pg.sql`insert into namespace (key) values ('a.test/zork')`
    await pg.sql`insert into credential (namespace_key, name, kind, url_prefix, sealed, updated_at) values ('a.test/zork', 'c', 'git', 'https://new', 's', now())`
    await start('a.test', 'b.test')
    expect(await pg.sql`select namespace_key, url_prefix from credential order by 1`).toEqual([
      { namespaceKey: '?/zork', urlPrefix: 'https://x' },
      { namespaceKey: 'a.test/zork', urlPrefix: 'https://new' },
    ])
    expect(await listMembers(pg, 'a.test/zork')).toHaveLength(1)
    // left as it was it would be b's
    await start('b.test')
    await start('a.test')
    const stands = await pg.sql`select namespace_key as key from credential union select key from namespace order by 1`
    expect(stands.map(({ key }) => key)).toEqual(['?/zork', 'zork'])
  })

  test('is no loss of what a source says', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `u${i}`)
    await pg.sql`insert into people_source (name, kind, registry, synced_at) values ('f', 'file', 'a.test', now())`
    for (const name of names) {
      await pg.sql`insert into person_said (source, name) values ('f', ${name})`
      await pg.sql`insert into member_said (source, namespace_key, user_name, role) values ('f', 'zork', ${name}, 'owner')`
    }
    await start('a.test', 'b.test')
    const rows = await pg.sql`select from member_said where source = 'f' and namespace_key = 'a.test/zork'`
    expect(rows).toHaveLength(12)
  })
})

test('where it cannot be told of which registry it is, it is nobody’s, and stays so', async () => {
  await start('a.test', 'b.test')
  await putMember(pg, 'zork', 'ada', { role: 'owner', email: 'ada@example.org' })
  for (const registries of [['a.test', 'c.test'], ['c.test'], ['a.test']]) {
    await start(...registries)
    expect(await tablesWith('zork')).toEqual([])
    expect(await tablesWith('?/zork')).toEqual(['member_said', 'namespace', 'namespace_said'])
  }
})
