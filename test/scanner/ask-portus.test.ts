import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { askPortus } from '../../src/scanner/ask-portus.ts'
import { forgetAnswers, noteUnanswered } from '../../src/scanner/note-answers.ts'
import { shownOf } from '../../src/scanner/shown.ts'
import { queuePortus } from '../../src/scanner/who-asks.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { reply, serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import {
  blob,
  changed,
  forgetTold,
  image,
  type Scanner,
  startScanner,
  storeScannedWorld,
  until,
} from './scanner-service.ts'
import { type SmallPortus, smallPortus } from './small-portus.ts'

let pg: TestDatabase
let portus: SmallPortus
let scanner: Scanner
let later = 0
const pushed = new Set<string>()
const lines: string[] = []
beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'protected')`
  await pg.sql`update cause set confidence = 'inferred'`
})
beforeEach(async () => {
  later = 0
  pushed.clear()
  await forgetTold(pg)
  portus = await smallPortus()
  scanner = await startScanner(pg, { portus: account() })
})
afterEach(async () => {
  await scanner.close()
  await portus.close()
})
afterAll(() => pg.close())

const account = (url = portus.url, token: string | null = 't0ken') => ({
  ...{ url, caFile: null, insecure: false, username: 'boss', token },
})
const deps = (said = account()) => ({
  ...testDeps(pg),
  clock: () => new Date(Date.now() + later),
  log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
  config: configFor(['reg:5000'], { scanner: true, portus: said }),
})
const minutes = (count: number): void => {
  later += count * 60_000
}
/** The job as it runs half a minute later, after whatever was changed. */
const ask = async () => {
  await changed(pg)
  minutes(0.5)
  await askPortus(deps(), new AbortController().signal)
}
const head = async (ref: string) =>
  (await pg.sql<{ digest: string }[]>`select head_digest as digest from tag where ref = ${`reg:5000/${ref}`}`)[0]!
    .digest
const push = async (repository: string, ...names: string[]) => {
  pushed.add(`reg:5000/${repository}:1`)
  portus.push({ ...image(repository, ...names), name: '1', digest: await head(`${repository}:1`) })
}
/** Portus looks at what it is to look at, and what it was answered is kept. */
const scan = async () => {
  await portus.scan(scanner.at)
  await until(async () => {
    const tags = await pg.sql<
      { ref: string; digest: string | null }[]
    >`select ref, head_digest as digest from tag where ref = any(${[...pushed]}::text[])`
    const wanted = (await shownOf(deps(), tags)).of
    const known = await pg.sql<{ ref: string; answered: string }[]>`select ref, answered from portus_look`
    const answered = new Map(known.map(({ ref, answered }) => [ref, answered]))
    return [...wanted].every(([ref, hash]) => (answered.get(ref) ?? '') === hash)
  })
}
const shown = (repository: string) => portus.page(repository, '1').map(({ name }) => name)
const base = expect.stringContaining('Outdated base: reg:5000/lib/base:1')
test('what two images show is right for both, though Portus keeps it by its name alone', async () => {
  await push('app/run', 'base', 'run')
  await push('app/tool', 'base', 'tool')
  await scan()
  const [run, tool] = [portus.page('app/run', '1'), portus.page('app/tool', '1')]
  expect([run, tool]).toEqual([[expect.objectContaining({ name: base })], run])
  expect(run[0]!.link).toBe('http://drydock.test:8080/?base=reg%3A5000%2Flib%2Fbase%3A1')
  expect(JSON.stringify(run)).not.toMatch(/app\/(run|tool)/)
})

test('has Portus look at what is outdated, until it was answered so; then no more', async () => {
  await push('app/run', 'base', 'run')
  await push('app/tool', 'base', 'tool')
  await ask()
  expect(portus.asked).toEqual([1, 2])
  await scan()
  expect([shown('app/run'), shown('app/tool')]).toEqual([[base], [base]])
  minutes(120)
  await ask()
  expect(portus.asked).toEqual([1, 2])
})

test('asks again what did not come, ever more rarely', async () => {
  await push('app/run', 'base', 'run')
  const times: number[] = []
  for (let half = 0; half < 120; half++) {
    const before = portus.asked.length
    await ask()
    if (portus.asked.length > before) times.push(half / 2)
  }
  expect(times).toEqual([0, 1, 3, 7, 15, 31])
})

test('a flag that goes, or changes, or is of another image, is asked for again', async () => {
  await push('app/run', 'base', 'run')
  await scan()
  const fact = pg.sql`select id from tag where ref = 'reg:5000/app/run:1'`
  await pg.sql`update cause set to_digest = 'sha256:other' where tag_id = (${fact})`
  await ask()
  expect(portus.asked).toEqual([1])
  await scan()
  await pg.sql`update cause set counted = false where tag_id = (${fact})`
  await ask()
  expect(portus.asked).toEqual([1, 1])
  await scan()
  expect(shown('app/run')).toEqual([])
  await pg.sql`update cause set counted = true`
  // pushed again, on the same old base
  const old = await head('app/run:1')
  await ask()
  await scan()
  await pg.sql`insert into manifest (digest, media_type, kind, platform, layers) select ${blob('again')}, media_type, kind, platform, layers from manifest where digest = ${old}`
  await pg.sql`update tag set head_digest = ${blob('again')} where ref = 'reg:5000/app/run:1'`
  const before = portus.asked.length
  await ask()
  expect(portus.asked).toHaveLength(before + 1)
  await pg.sql`update tag set head_digest = ${old} where ref = 'reg:5000/app/run:1'`
})

test('a base whose namespace turns private is asked for again, and is not named any more', async () => {
  await push('app/run', 'base', 'run')
  await scan()
  await pg.sql`update namespace set visibility = 'private' where key = 'lib'`
  await ask()
  await scan()
  await pg.sql`update namespace set visibility = 'protected' where key = 'lib'`
  expect([portus.asked, shown('app/run')]).toEqual([[1], ['Outdated base (withheld)']])
})

test('what Portus found nobody for is shown again after a start', async () => {
  await push('app/run', 'base', 'run')
  await scan()
  // nobody is there while Portus looks again, for a reason of its own
  await scanner.close()
  await push('app/run', 'base', 'run')
  await portus.scan(scanner.at)
  expect(shown('app/run')).toEqual([])
  scanner = await startScanner(pg, { portus: account() })
  await forgetAnswers(deps())
  await ask()
  await scan()
  expect([portus.asked, shown('app/run')]).toEqual([[1], [base]])
})

test('what was answered with an error is asked for again', async () => {
  await push('app/run', 'base', 'run')
  await scan()
  await noteUnanswered(deps(), blob('run'))
  await ask()
  expect(portus.asked).toEqual([1])
  expect(await pg.sql`select 1 from graphile_worker.jobs where key = 'portus'`).toHaveLength(1)
})

test('what was answered long ago is asked for again, as Portus may have found nobody since', async () => {
  await push('app/run', 'base', 'run')
  await scan()
  minutes(25 * 60)
  await ask()
  expect(portus.asked).toEqual([1])
})

test('what was put off, or answered, by a clock that was ahead is asked for', async () => {
  await push('app/run', 'base', 'run')
  await ask()
  await pg.sql`update portus_look set next_at = now() + interval '1 year'`
  await ask()
  expect(portus.asked).toEqual([1, 1])
  await scan()
  await pg.sql`update portus_look set answered_at = now() + interval '1 year', next_at = now() + interval '366 days'`
  minutes(10)
  await ask()
  expect(portus.asked).toEqual([1, 1, 1])
})

test('asks for no more than a hundred in ten seconds, the others then', async () => {
  await pg.sql`
    insert into portus_look (ref, answered, next_at)
    select 'reg:5000/app/old' || n || ':1', 'x', now() from generate_series(1, 150) n`
  const asked = async () => (await pg.sql`select 1 from portus_look where answered = 'x'`).length
  await ask()
  // those that are not there in Portus are forgotten; the flagged ones were of the hundred
  const left = await asked()
  expect(left).toBeGreaterThanOrEqual(50)
  expect(await pg.sql`select 1 from graphile_worker.jobs where key = 'portus' and run_at > now()`).toHaveLength(1)
  await ask()
  expect(await asked()).toBeLessThan(left)
})

test.each([500, 404, 302])(
  'is asked again later where it answers %s, and nothing is taken for done',
  async (status) => {
    const broken = await serveHttp((_, response) => reply(response, status, {}))
    const asking = askPortus(deps(account(broken.url)), new AbortController().signal)
    await expect(asking).rejects.toMatchObject({ name: 'SourceError' })
    await broken.close()
    expect(await pg.sql`select 1 from portus_look where asked_at is not null or answered is not null`).toEqual([])
    expect(lines.join('')).not.toContain('t0ken')
  },
)

test('is wished for only where there is an admin of Portus to ask with', async () => {
  await queuePortus(deps(account(portus.url, null)))
  await askPortus(deps(account(portus.url, null)), new AbortController().signal)
  const waiting = () => pg.sql`select 1 from graphile_worker.jobs where key = 'portus'`
  expect([await waiting(), portus.seen]).toEqual([[], []])
  await queuePortus(deps())
  expect(await waiting()).toHaveLength(1)
})
