import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../../src/demo/watch.ts'
import { storeSmallWorld } from '../api/small-world.ts'
import { type Loose, startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { pushImage } from '../support/push.ts'
import { startSmall, type TestRegistry } from '../support/registry.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { drydock } from './run.ts'

/** The commands as processes of their own, against the real API on a real database. */
let pg: TestDatabase
let api: TestApi
let env: Record<string, string>
let world: Awaited<ReturnType<typeof storeSmallWorld>>
const dir = mkdtempSync(join(tmpdir(), 'drydock-cli-'))
beforeAll(async () => {
  pg = await testDatabase()
  world = await storeSmallWorld(pg)
  api = await startApi(pg)
  env = { DRYDOCK_URL: `${api.url}/`, DRYDOCK_TOKEN: api.token }
})
afterAll(async () => {
  await api.close()
  await pg.close()
  rmSync(dir, { recursive: true })
})

const run = (args: string, stdin?: string) => drydock(args.split(' '), env, stdin)
const good = async (args: string, stdin?: string): Promise<string> => {
  const { code, out, err } = await run(args, stdin)
  expect([args, code, err]).toEqual([args, 0, ''])
  return out
}
const json = async (args: string, stdin?: string) => JSON.parse(await good(`${args} --json`, stdin)) as Loose
const short = (digest: string) => digest.slice(7, 19)

test('outdated: tabs in a pipe, JSON as the API has it', async () => {
  const lines = (await good('outdated')).trim().split('\n')
  expect(lines.map((line) => line.split('\t').filter((_, i) => i !== 1))).toEqual([
    ['reg:5000/app/leaf:1', 'reg:5000/lib/base:1 via reg:5000/app/run:1', 'none'],
    ['reg:5000/app/run:1', 'reg:5000/lib/base:1', 'none'],
    ['reg:5000/app/tool:1', expect.stringMatching(/^reg:5000\/lib\/base:1 \((inferred|ambiguous)\)$/), 'none'],
  ])
  expect(await json('outdated')).toEqual((await api.get('outdated')).items)
  expect((await good('outdated --base app/run:1')).split('\n')).toHaveLength(2)
  expect(await good('outdated --namespace lib')).toBe('')
})

test('tree: up, down, so deep, JSON', async () => {
  expect(await good('tree app/leaf:1')).toBe(
    'reg:5000/app/leaf:1  outdated  (linux/amd64)\n└─ reg:5000/app/run:1  outdated\n   └─ reg:5000/lib/base:1  current\n',
  )
  expect((await good('tree lib/base:1 --down')).split('\n').slice(1)).toEqual([
    '├─ reg:5000/app/run:1  outdated',
    '│  └─ reg:5000/app/leaf:1  outdated',
    expect.stringMatching(/^└─ reg:5000\/app\/tool:1 {2}outdated( {2}\(ambiguous\))?$/),
    '',
  ])
  expect(await good('tree lib/base:1 --down --depth 1')).toContain('│  └─ … 1 more dependent\n')
  const down = await api.get('tags/lib%2Fbase%3A1/lineage?direction=down')
  expect(await json('tree lib/base:1 --down')).toEqual(down)
  expect(JSON.parse(await good('tree lib/base:1 --down --format json'))).toEqual(down)
  expect(await good('tree app/leaf:1 --up --format dot')).toMatch(/^digraph lineage \{\n(.*;\n)+\}\n$/)
})

test('plan: what would be rebuilt, what not and why, who would be told', async () => {
  await api.call('PUT', 'recipes/app%2Frun%3A1', { body: { strategy: 'rebase', auto: true } })
  expect((await good('plan lib/base:1')).split('\n')).toEqual([
    'a new push of reg:5000/lib/base:1 would rebuild 1 of the 3 tags based on it, in 1 round',
    '   1. reg:5000/app/run:1',
    'not rebuilt:',
    '  reg:5000/app/leaf:1  it has no recipe (through reg:5000/app/run:1)',
    '  reg:5000/app/tool:1  it has no recipe',
    'told:',
    '  app  nobody  of 3 tags',
    '',
  ])
  expect(await json('plan lib/base:1')).toEqual(await api.get('tags/lib%2Fbase%3A1/plan'))
  expect(await good('plan app/leaf:1')).toBe('nothing is based on reg:5000/app/leaf:1\n')
  await api.call('DELETE', 'recipes/app%2Frun%3A1')
})

test('why: the chain of causes, with digests and times', async () => {
  const at = (await api.get('tags/lib%2Fbase%3A1/history')).items[0]!.from
  const moved = `reg:5000/lib/base:1 moved from ${short(world.oldBase)} to ${short(world.newBase)} at ${at}`
  const [head, ...lines] = (await good('why app/leaf:1')).split('\n')
  expect(head).toMatch(new RegExp(`^reg:5000/app/leaf:1 is outdated since ${at}, at [0-9a-f]{12}, pushed \\d{4}-`))
  expect(lines).toEqual([
    `  through reg:5000/app/run:1 at ${short(world.run)}, which is itself outdated`,
    `  ${moved}`,
    '    named by its annotation; its layers agree; on linux/amd64',
    '',
  ])
  expect(await json('why app/leaf:1')).toEqual(await api.get('tags/app%2Fleaf%3A1/why'))
  expect(await good('why app/late:1')).toContain('is not judged yet')
  const run = (await good('why app/tool:1')).split('\n')
  expect(run[2]).toMatch(
    /^ {4}found by its layers(, not certain: reg:5000\/lib\/base:old still there)?; on linux\/amd64$/,
  )
})

test('why: what is not known, what is left alone, and what its bases are, in words', async () => {
  const ref = 'reg:5000/solo:latest'
  const because = [{ reason: 'base-absent', base: 'reg:5000/lib/none:1', platform: 'linux/amd64' }]
  const disagreements = [{ platform: 'linux/amd64', base: 'reg:5000/lib/other:1', evidence: ['layers'] }]
  const bases = [
    {
      ref: 'reg:5000/lib/base:1',
      digest: 'sha256:0123456789abcdef',
      role: 'runtime',
      evidence: ['label'],
      confidence: 'declared',
      pinned: false,
    },
    {
      ref: 'reg:5000/lib/tool:1',
      digest: null,
      role: 'build',
      evidence: ['recipe'],
      confidence: 'declared',
      pinned: false,
    },
  ]
  const [before] = await pg.sql`select platforms::text, because::text, status from tag where ref = ${ref}`
  await pg.sql`
    update tag set status = 'unknown', because = ${pg.sql.json(because)}, disagreements = ${pg.sql.json(disagreements)},
      platforms = ${pg.sql.json(['linux/amd64', 'linux/arm64'].map((platform) => ({ platform, digest: 'd', status: 'unknown', bases })))},
      ignored = '{"rule":"exclude","scope":"_","detail":"late*"}' where ref = ${ref}`
  await pg.sql`
    insert into snooze (kind, ref, reason, author, created_at, expires_at)
    values ('tag', ${ref}, 'a holiday', 'ann', now(), '2999-01-01T00:00:00Z')`
  const on = 'on linux/amd64 linux/arm64'
  expect((await good('why solo')).split('\n').slice(1)).toEqual([
    '  not judged: reg:5000/lib/none:1 was deleted on linux/amd64',
    `  based on reg:5000/lib/base:1 at 0123456789ab (named by its label) ${on}`,
    `  based on reg:5000/lib/tool:1 at - (build stage only; named by its Dockerfile) ${on}`,
    '  besides, its layers: reg:5000/lib/other:1 on linux/amd64',
    '  ignored: exclude of _ (late*)',
    '  snoozed until 2999-01-01T00:00:00.000Z by ann: a holiday',
    '',
  ])
  await pg.sql`delete from snooze`
  await pg.sql`
    update tag set status = ${before!.status}, because = ${before!.because}::text::jsonb, disagreements = '[]',
      platforms = ${before!.platforms}::text::jsonb, ignored = null where ref = ${ref}`
})

test('why: what a rebuilt tag was rebuilt for, back to the change outside', async () => {
  const reason = { kind: 'base-moved', base: 'reg:5000/lib/base:1', from: world.oldBase, to: world.newBase }
  const made = (ref: string, digest: string, because: Record<string, string>) => pg.sql`
    insert into build (ref, key, state, reason, recipe, finished_at, digest)
    values (${ref}, 'k', 'succeeded', ${pg.sql.json(because)}, '{}', now(), ${digest})`
  await made('reg:5000/app/run:1', world.run, reason)
  const solo = await api.get('tags/solo')
  await made('reg:5000/solo:latest', String(solo.digest), { ...reason, base: 'reg:5000/app/run:1', to: world.run })
  const lines = (await good('why solo')).trim().split('\n').slice(1)
  expect(lines).toEqual([
    expect.stringMatching(/^ {2}reg:5000\/solo:latest was built as .* because reg:5000\/app\/run:1 moved from/),
    expect.stringMatching(/^ {2}reg:5000\/app\/run:1 was built as .* because reg:5000\/lib\/base:1 moved from/),
  ])
  await pg.sql`delete from build`
})

test('why: says that a build failed of one that did, and nothing of the kind of one that succeeded', async () => {
  const [ref, base] = ['reg:5000/app/run:1', 'reg:5000/lib/base:1']
  await api.call('PUT', `recipes/${encodeURIComponent(ref)}`, { body: { strategy: 'rebase', auto: true } })
  const reason = { kind: 'base-moved', base, from: world.oldBase, to: world.newBase }
  await pg.sql`
    insert into build (ref, key, state, reason, recipe, finished_at, digest, bases)
    values (${ref}, 'k', 'succeeded', ${pg.sql.json(reason)}, '{}', now(), ${world.run}, ${pg.sql.json([{ name: base, digest: world.newBase }])})`
  const succeeded = await good('why app/run:1')
  expect(succeeded).toContain('rebuild: failed: it was built on that, and is outdated still')
  expect(succeeded).not.toContain('the build failed')
  await pg.sql`
    update build set state = 'failed', error = '{"code":"still-outdated","message":"it came out as it was","retryable":false}'`
  expect(await good('why app/run:1')).toContain(
    'the build failed: it came out as it was (still-outdated); drydock logs ',
  )
  await pg.sql`truncate build, recipe cascade`
})

const recipes = `
ref: app/run:1
git: {url: "https://git.test/x.git", ref: main}
args: {A_B: c}
---
- {ref: app/tool:1, strategy: rebase, auto: true}
- {ref: app/third:1, strategy: rebase}
---
`

test('recipe propose: what the tag says it was built from, stored where it is accepted', async () => {
  const [tag] = await pg.sql<{ digest: string }[]>`
    select head_digest as digest from tag where ref = 'reg:5000/app/leaf:1'`
  await pg.sql`
    insert into origin (subject, evidence, source, url, revision)
    values (${tag!.digest}, 'annotation', ${tag!.digest}, 'git.test/o/r', 'v1')`
  const shown = await run('recipe propose app/leaf:1')
  expect([shown.code, shown.out]).toEqual([0, expect.stringContaining('url: https://git.test/o/r')])
  expect(shown.err).toContain('dockerfile: nobody names the Dockerfile')
  expect((await run('recipe propose app/leaf:1 --accept')).err).toContain('stored app/leaf:1')
  expect(await json('recipe show app/leaf:1')).toMatchObject({ git: { url: 'https://git.test/o/r', ref: 'v1' } })
  const again = await run('recipe propose app/leaf:1 --accept')
  expect([again.code, again.err]).toEqual([1, expect.stringContaining('has a recipe')])
  const mute = await run('recipe propose lib/base:1')
  expect([mute.code, mute.err]).toEqual([1, expect.stringContaining('built from')])
  await good('recipe rm app/leaf:1')
})

test('recipe: apply from a file and standard input, list, show, rm', async () => {
  const file = join(dir, 'recipes.yaml')
  writeFileSync(file, recipes)
  expect(await good(`recipe apply -f ${file}`)).toBe('stored app/run:1\nstored app/tool:1\nstored app/third:1\n')
  expect((await good('recipe list')).split('\n')).toEqual([
    'reg:5000/app/run:1\tdockerfile\tfalse\truntime\thttps://git.test/x.git#main',
    'reg:5000/app/third:1\trebase\tfalse\truntime\t',
    'reg:5000/app/tool:1\trebase\ttrue\truntime\t',
    '',
  ])
  const shown = await good('recipe show app/run:1')
  expect(await json('recipe show app/run:1')).toEqual(await api.get('recipes/app%2Frun%3A1'))
  expect(await json('recipe apply -f -', shown)).toMatchObject([{ ref: 'app/run:1', args: { A_B: 'c' } }])
  expect(await good('recipe rm app/third:1')).toBe('removed app/third:1\n')
  expect((await run('recipe show app/third:1')).code).toBe(1)
})

test.each([
  ['a: [', 1, '-:'],
  ['strategy: rebase', 1, 'each recipe needs its ref'],
  ['', 1, 'each recipe needs its ref'],
  ['{ref: app/x:1, strategy: magic}', 1, 'app/x:1: the body is not as it should be'],
])('recipe apply refuses %j', async (text, code, says) => {
  const ran = await run('recipe apply -f -', text)
  expect([ran.code, ran.out]).toEqual([code, ''])
  expect(ran.err).toContain(says)
})

test('build, builds, logs, cancel', async () => {
  await api.call('PUT', 'recipes/app%2Frun%3A1', { body: { strategy: 'rebase' } })
  const build = await json('build app/run:1 --note because')
  expect(build).toMatchObject({ ref: 'reg:5000/app/run:1', state: 'queued', note: 'because' })
  expect(await good('build app/run:1')).toBe(`${build.id} queued\n`)
  expect((await good('builds --ref app/run:1 --state queued')).split('\t').slice(0, 4)).toEqual([
    ...[build.id, 'reg:5000/app/run:1', 'queued', 'manual'],
  ])
  expect(await json('builds --limit 1')).toEqual([await api.get(`builds/${build.id}`)])
  await pg.sql`insert into build_log (build_id, seq, at, text) values (${build.id}, 0, now(), 'step one\n')`
  expect(await good(`logs ${build.id}`)).toBe('step one\n')
  expect(await json(`logs ${build.id}`)).toEqual({ id: build.id, log: 'step one\n' })
  expect(await good(`cancel ${build.id}`)).toBe('cancelled\n')
  const again = await run(`cancel ${build.id}`)
  expect([again.code, again.err]).toEqual([1, 'drydock: the build has ended\n'])
  const followed = await run(`logs -f ${build.id}`)
  expect(followed).toMatchObject({ code: 1, out: 'step one\n' })
  expect(followed.err).toContain('cancelled before it began')
  const asJson = await run(`logs -f ${build.id} --json`)
  expect([asJson.code, JSON.parse(asJson.out)]).toEqual([1, { id: build.id, log: 'step one\n' }])
  expect((await run('build app/none:1')).err).toContain('has no recipe')
})

test('a followed log goes on where it was when the service is back, nothing twice', async () => {
  const proxy = await tcpProxy(Number(new URL(api.url).port))
  try {
    const [build] = await pg.sql<{ id: string }[]>`
      insert into build (ref, key, state, reason, recipe) values ('reg:5000/app/away:1', 'k', 'running', '{}', '{}') returning id`
    const { id } = build!
    const write = (seq: number, text: string) =>
      pg.sql`insert into build_log (build_id, seq, at, text) values (${id}, ${seq}, now(), ${text})`
    await write(0, 'one\n\ntw')
    const following = drydock(['logs', '-f', id], { ...env, DRYDOCK_URL: `http://127.0.0.1:${proxy.port}` })
    await eventually('it is followed', 90, async () => (proxy.answered() > 0 ? true : null))
    await write(1, 'o\n')
    proxy.cut()
    await write(2, 'three\n')
    await pg.sql`update build set state = 'succeeded', finished_at = now(), digest = 'sha256:d' where id = ${id}`
    await eventually('it has tried again in vain', 90, async () => (proxy.refused() > 0 ? true : null))
    proxy.mend()
    expect(await following).toMatchObject({ code: 0, out: 'one\n\ntwo\nthree\n' })
  } finally {
    await proxy.close()
  }
})

test.each(['', ' --json'])('a followed build ends with 0 where it succeeded%s', async (more) => {
  const following = run(`build app/tool:1 --follow${more}`)
  const id = await eventually('the build is queued', 90, async () => {
    const [queued] = await pg.sql<{ id: string }[]>`
      select id from build where ref = 'reg:5000/app/tool:1' and state = 'queued'`
    return queued?.id ?? null
  })
  await pg.sql`insert into build_log (build_id, seq, at, text) values (${id}, 0, now(), 'its log\n')`
  await pg.sql`update build set state = 'succeeded', finished_at = now(), digest = 'sha256:d' where id = ${id}`
  const ran = await following
  const end = 'built reg:5000/app/tool:1 as sha256:d\n'
  if (more === '') expect(ran).toEqual({ code: 0, out: `${id} queued\nits log\n`, err: end })
  else {
    expect([ran.code, ran.err]).toEqual([0, `its log\n${end}`])
    expect(JSON.parse(ran.out)).toMatchObject({ id, state: 'succeeded', digest: 'sha256:d' })
  }
})

test('member and credential: the secret comes from standard input', async () => {
  expect(await good('member set crew ann --role owner --email ann@example.org')).toBe('ann is owner of crew\n')
  expect(await json('member set crew ann')).toMatchObject({ user: 'ann', role: 'contributor' })
  expect(await good('member rm crew ann')).toBe('ann is no member of crew\n')
  expect(await json('credential set crew git --url https://git.test/ --username u', 'very-secret\n')).toEqual({
    ...{ namespace: 'crew', name: 'git', stored: true },
  })
  expect((await api.get('namespaces/crew/credentials')).items[0]).toMatchObject({ name: 'git', username: 'u' })
  expect(await good('credential set crew npm --kind secret', 'a-build-secret\n')).toBe('stored npm of crew\n')
  expect((await run('credential set crew git', 'very-secret\n')).err).toContain('urlPrefix: is needed')
  const empty = await run('credential set crew git --url https://git.test/', '\n')
  expect([empty.code, empty.err]).toEqual([1, 'drydock: the secret is empty\n'])
  expect(await good('credential rm crew git')).toBe('removed git of crew\n')
  expect((await run('credential set crew git --url https://git.test/ --password x')).code).toBe(2)
})

test('reconcile: what differed, and nothing the second time', async () => {
  const registry: TestRegistry = await startSmall()
  const other = await testDatabase()
  const { name, url } = { name: registry.host, url: registry.url }
  await other.sql`insert into registry (name) values (${name})`
  const service = await startApi(other, [{ name, url, insecure: false }])
  try {
    await pushImage(registry.client, { repository: 'lib/base', tag: '1', layers: ['a'] })
    const there = { ...env, DRYDOCK_URL: service.url }
    const dry = await drydock(['reconcile', '--dry-run'], there)
    expect([dry.code, dry.out]).toEqual([
      0,
      expect.stringMatching(/^localhost:\d+\/lib\/base:1\tnew\t-\t[0-9a-f]{12}\n$/),
    ])
    const real = await drydock(['reconcile', '--json', '--registry', name], there)
    expect(JSON.parse(real.out)).toMatchObject([{ ref: `${name}/lib/base:1`, kind: 'new', from: null }])
    expect(await drydock(['reconcile'], there)).toEqual({ code: 0, out: '', err: '' })
    expect((await drydock(['reconcile', '--registry', 'nobody'], there)).err).toContain('no registry nobody')
    await registry.close()
    expect((await service.call('POST', 'reconcile', { body: {} })).body.code).toBe('registry-failed')
  } finally {
    await service.close()
    await other.close()
  }
})

test.each([
  [['nonsense'], 2],
  [[], 2],
  [['tree'], 2],
  [['tree', 'a:1', '--up', '--down'], 2],
  [['tree', 'a:1', '--format', 'png'], 2],
  [['tree', 'a:1', '--depth', '0'], 2],
  [['plan'], 2],
  [['plan', 'app/none:1'], 1],
  [['outdated', '--nonsense'], 2],
  [['builds', '--limit', '0'], 2],
  [['builds', '--state', 'odd'], 2],
  [['recipe'], 2],
  [['recipe', 'apply'], 2],
  [['member', 'set', 'a', 'b', '--role', 'king'], 2],
  [['member', 'set', 'a', 'b', 'king'], 2],
  [['member', 'set', 'a', 'b', 'owner', '--role', 'viewer'], 2],
  [['--help'], 0],
  [['--version'], 0],
  [['why', '--help'], 0],
  [['why', 'app/none:1'], 1],
  [['why', 'No Ref'], 1],
  [['logs', 'x'], 1],
])('drydock %j ends with %i', async (args, code) => {
  const ran = await drydock(args, env)
  expect([ran.code, ran.err.includes('    at ')]).toEqual([code, false])
  expect(code === 0 ? ran.out : ran.err).not.toBe('')
})

test.each([
  [{ DRYDOCK_URL: 'http://127.0.0.1:1' }, /^drydock: no service answers at http:\/\/127\.0\.0\.1:1 \(/],
  [{ DRYDOCK_URL: 'nonsense' }, /^drydock: DRYDOCK_URL is no http address/],
  [{ DRYDOCK_TOKEN: 'wrong' }, /^drydock: the API token is not valid/],
  [{ DRYDOCK_TOKEN: '' }, /^drydock: set DRYDOCK_TOKEN/],
  [{ DRYDOCK_TOKEN: 'se cret' }, /^drydock: DRYDOCK_TOKEN is no token/],
])('with %j it says what is wrong', async (other, says) => {
  const ran = await drydock(['outdated'], { ...env, ...other })
  expect([ran.code, ran.out]).toEqual([1, ''])
  expect(ran.err).toMatch(says)
  expect(ran.err).not.toContain('cret\n')
})

test('the token may come from a file', async () => {
  const file = join(dir, 'token')
  writeFileSync(file, `${api.token}\n`)
  expect((await drydock(['outdated'], { DRYDOCK_URL: api.url, DRYDOCK_TOKEN_FILE: file })).code).toBe(0)
})
