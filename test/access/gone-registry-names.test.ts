import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { bootstrap, type Principal, personCalled } from '../../src/access/principal.ts'
import { withheldFrom } from '../../src/access/withheld-from.ts'
import { withholdingText } from '../../src/access/withhold-text.ts'
import { putChannel } from '../../src/channels/channels.ts'
import { tellChannels } from '../../src/channels/tell-channels.ts'
import { notify } from '../../src/notify/notify.ts'
import { tellStopped } from '../../src/notify/tell-stopped.ts'
import { putMember } from '../../src/people/members.ts'
import { putUser } from '../../src/people/users.ts'
import { outdatedFeatures } from '../../src/scanner/outdated-features.ts'
import { introduceRegistries } from '../../src/watch/introduce-registries.ts'
import { startApi } from '../api/start-api.ts'
import { addBuild, addTag, judge, sha, wipe } from '../notify/flags.ts'
import { startWith } from '../people/registries.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** a.test/hush is private, its `secret` a base of bea's b.test/app/run, and a.test is configured no more. eve has no role anywhere. */
let pg: TestDatabase
const debian = 'docker.io/library/debian:13'
const secret = 'a.test/hush/secret:1'
const run = 'b.test/app/run:1'
const eve = personCalled('eve')
const top = `sha256:${'7'.repeat(64)}`
type Started = Awaited<ReturnType<typeof startWith>>

beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate setting, token, plan, channel, manifest cascade`
  await startWith(pg, 'a.test', 'b.test')
  await addTag(pg.sql, secret, { digest: sha('x') })
  await addTag(pg.sql, run, { digest: sha('y') })
  for (const [ref, base] of [
    [secret, debian],
    [run, secret],
  ] as const)
    await basedOn(ref, base)
  await putUser(pg, 'eve', { email: null })
  await putMember(pg, 'b.test/app', 'bea', { role: 'owner', email: 'bea@example.org' })
})

async function basedOn(ref: string, base: string): Promise<void> {
  const named = { ref: base, digest: sha('d'), role: 'runtime', evidence: ['layers'], confidence: 'declared' }
  const platforms = [
    { platform: 'linux/amd64', digest: sha('x'), status: 'current', bases: [{ ...named, pinned: false }] },
  ]
  await pg.sql`update tag set platforms = ${JSON.stringify(platforms)}::text::jsonb where ref = ${ref}`
  await pg.sql`insert into tag_base (tag_id, base) select id, ${base} from tag where ref = ${ref}`
}
const outdated = () => judge(pg.sql, run, [{ base: secret, to: sha('v2') }])

/** What this person is answered of each path: status and text. */
async function seenBy(d: Started, user: string | null, paths: string[], outside: Started['config']['outside'] = []) {
  const api = await startApi(pg, d.config.registries, { outside, watch: [] })
  try {
    const made = user === null ? null : await api.call('POST', 'tokens', { body: { user, name: 't' } })
    const token = made === null ? api.token : (made.body as unknown as { token: string }).token
    const all: [number, string][] = []
    for (const path of paths) {
      const { status, text } = await api.call('GET', path, { token })
      all.push([status, text])
    }
    return all
  } finally {
    await api.close()
  }
}
const tag = (ref: string, rest = '') => `tags/${encodeURIComponent(ref)}${rest}`
const treeOf = (ref: string) => [tag(ref, '/lineage?direction=down'), tag(ref, '/plan')]

describe.each([
  ['one registry is left', ['b.test']],
  ['two are', ['b.test', 'c.test']],
])('%s', (_left, left) => {
  test('who has no role there reads no name of it in a tree, a plan or what is said of a tag', async () => {
    await outdated()
    const d = await startWith(pg, ...left)
    for (const [status, text] of await seenBy(d, 'eve', treeOf(debian))) {
      expect([status, text.includes('secret'), text.includes(sha('x'))]).toEqual([200, false, false])
      expect(text).toContain('(withheld)')
    }
    const paths = [tag(run), tag(run, '/why'), tag(run, '/lineage?direction=up'), 'outdated', 'newer']
    for (const [status, text] of await seenBy(d, 'bea', paths))
      expect([status, text.includes('secret')]).toEqual([200, false])
    for (const [, text] of await seenBy(d, null, treeOf(debian))) expect(text).toContain(secret)
  })

  test('mails, channels and what Portus is answered do not name it', async () => {
    const d = await startWith(pg, ...left)
    const key = left.length === 1 ? 'app' : 'b.test/app'
    await putChannel(d, key, 'ours', { kind: 'webhook', url: 'https://hooks.test/x', enabled: true })
    await outdated()
    await notify(d)
    await tellChannels(d)
    const told = await pg.sql<{ text: string }[]>`
      select "to" || ' ' || subject || text || html as text from mail union all select body::text from delivery`
    expect(told.map(({ text }) => [text.includes('secret'), text.includes('(withheld)')])).toEqual([
      [false, true],
      [false, true],
    ])
    await visited()
    const [feature, ...more] = await outdatedFeatures(d, top)
    expect([more, JSON.stringify(feature).includes('secret')]).toEqual([[], false])
    expect(JSON.stringify(feature)).toContain('based on')
  })

  test('logs and words of builds do not name it, and to an admin they do', async () => {
    const d = await startWith(pg, ...left)
    const said = `FROM ${secret}: not found; ${debian} and ${run} stay`
    const told = `FROM (withheld): not found; ${debian} and ${run} stay`
    const of = async (principal: Principal) => {
      const log = await withholdingText(d, principal)
      return log === null ? said : (await log.feed(said)) + (await log.end())
    }
    await pg.sql`update namespace set visibility = 'protected'`
    expect([await of(eve), await withheldFrom(d, eve, said)]).toEqual([told, told])
    expect([await of(bootstrap), await withheldFrom(d, personCalled('root', true), said)]).toEqual([said, said])
  })

  test('that a plan on it was stopped is told without its name', async () => {
    const d = await startWith(pg, ...left)
    const build = await addBuild(pg.sql, run, 'x', null)
    const [plan] = await pg.sql<{ id: string; base: string; toDigest: string }[]>`
      insert into plan (root, base, to_digest, state, cycles) values ('r', ${secret}, ${sha('v2')}, 'stopped', '[]') returning id, base, to_digest`
    const error = JSON.stringify({ code: 'build-failed', message: `no layer of ${secret}` })
    await pg.sql`update build set state = 'failed', plan_id = ${plan!.id}, error = ${error}::text::jsonb where id = ${build}`
    expect(await pg.sql.begin((tx) => tellStopped(d, tx, plan!))).toHaveLength(1)
    const [mail] = await pg.sql<{ subject: string; text: string; html: string }[]>`select subject, text, html from mail`
    expect(mail!.text).toContain('no layer of (withheld)')
    expect(JSON.stringify(mail)).not.toContain('secret')
  })
})

/** Portus had the image of `run` looked through. */
async function visited(): Promise<void> {
  await pg.sql`
    insert into manifest (digest, media_type, kind, platform, layers)
    values (${sha('y')}, 'x', 'image', 'linux/amd64', ${JSON.stringify([{ digest: top }])}::text::jsonb) on conflict do nothing`
  await pg.sql`
    insert into scanned_layer (repository_id, name, below, turn, seen_at)
    select repository_id, ${top}, 0, 1, now() from tag where ref = ${run}`
}

test('a start without any registry tells of none of them', async () => {
  const d = await startWith(pg)
  for (const [status, text] of await seenBy(d, 'eve', treeOf(debian)))
    expect([status, text.includes('secret'), text.includes('(withheld)')]).toEqual([200, false, true])
})

test('a process that runs since before knows what has gone since', async () => {
  const d = await startWith(pg, 'b.test')
  await startWith(pg, 'b.test', 'z.test')
  expect(await withheldFrom(d, eve, 'z.test/hush/secret:1')).toBe('(withheld)')
  await startWith(pg, 'b.test')
  expect(await withheldFrom(d, eve, 'z.test/hush/secret:1')).toBe('(withheld)')
})

describe.each([
  ['one is configured', ['b.test']],
  ['none is', []],
])('a registry that is only watched now, where %s beside it', (_which, left) => {
  test('stays closed, and its names withheld', async () => {
    const [build] = await pg.sql<{ id: string }[]>`
      insert into build (ref, key, reason, recipe, namespace_key, state)
      values (${secret}, 'k', '{"kind":"manual"}', '{"git":{"url":"https://git.a.test/hush.git","ref":"main"}}', 'a.test/hush', 'succeeded') returning id`
    const d = await startWith(pg, ...left)
    const watched = { name: 'a.test', url: 'https://a.test', insecure: false, watch: true }
    await introduceRegistries({ ...d, config: { ...d.config, outside: [watched] } })
    const paths = [tag(secret), tag(secret, '/why'), `builds/${build!.id}`]
    expect((await seenBy(d, 'eve', paths, [watched])).map(([status]) => status)).toEqual([404, 404, 404])
    const lists = await seenBy(d, 'eve', ['builds', 'tags', ...treeOf(debian)], [watched])
    for (const [status, text] of lists) expect([status, text.includes('secret')]).toEqual([200, false])
    expect((await seenBy(d, null, paths, [watched])).map(([status]) => status)).toEqual([200, 200, 200])
    const again = await startWith(pg, 'a.test', 'b.test')
    await putMember(pg, 'a.test/hush', 'eve', { role: 'viewer' })
    expect((await seenBy(again, 'eve', paths)).map(([status]) => status)).toEqual([200, 200, 200])
  })
})

test('the database is asked no more than is needed', async () => {
  let statements = 0
  const sql = new Proxy(pg.sql, {
    apply(of, that, values) {
      statements++
      return Reflect.apply(of, that, values)
    },
  })
  const { config } = await startWith(pg, 'b.test')
  const asked = async (principal: Principal, value: unknown) => {
    statements = 0
    await withheldFrom({ sql, config }, principal, value)
    return statements
  }
  expect(await asked(eve, { detail: 'an API token is wanted', at: new Date(), n: [1, null, true] })).toBe(0)
  expect(await asked(bootstrap, [secret, run])).toBe(0)
  expect(await asked(eve, { detail: 'half/done' })).toBe(1)
  expect(await asked(eve, { [`of%2F${secret}`]: [run, encodeURIComponent(secret)] })).toBe(2)
})

test('what was only ever watched is open to every person', async () => {
  await addTag(pg.sql, 'ext.test/lib/base:1', { digest: sha('z') })
  await pg.sql`update registry set outside = true where name = 'ext.test'`
  const d = await startWith(pg, 'b.test')
  expect(await withheldFrom(d, eve, 'ext.test/lib/base:1')).toBe('ext.test/lib/base:1')
  expect((await seenBy(d, 'eve', [tag('ext.test/lib/base:1')])).map(([status]) => status)).toEqual([200])
})
