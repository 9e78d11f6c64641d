import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../../src/demo/watch.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startSmall, type TestRegistry } from '../support/registry.ts'
import { makeService, type TestService } from '../support/service.ts'
import { batchesOf } from './batches.ts'
import { type Causes, closure } from './closure.ts'
import { fileSays } from './file-says.ts'
import { readGraph } from './graph.ts'
import { levels, makeReplay, type Release, type Replay } from './replay.ts'

const graph = readGraph()
let pg: TestDatabase
let service: TestService
let registry: TestRegistry
let replay: Replay

beforeAll(async () => {
  pg = await testDatabase()
  service = await makeService(pg.url)
  registry = await startSmall({ endpoints: [service.hook] })
  await service.start({ DRYDOCK_REGISTRY_URL: registry.url, DRYDOCK_REGISTRY_NAME: registry.host, DRYDOCK_SETTLE: '0' })
  replay = makeReplay(graph, registry.client, registry.host)
  await replay.buildAll()
  await quiet(1_000)
}, 1_200_000)
afterAll(async () => {
  await service?.close()
  await registry?.close()
  await pg?.close()
})

/** Every push has been told and handled, and nothing is left to judge. */
async function quiet(seconds: number): Promise<void> {
  let said: object | undefined
  const done = eventually('every event is handled and nothing is dirty', seconds, async () => {
    const [row] = await pg.sql<{ events: number; pending: number; dirty: number; jobs: number }[]>`
      select (select count(*)::int from event) as events,
        (select count(*)::int from event where outcome <> 'handled') as pending, (select count(*)::int from dirty) as dirty,
        (select count(*)::int from graphile_worker._private_jobs where attempts < max_attempts or locked_by is not null) as jobs`
    said = row
    return row!.events === replay.pushes() && row!.pending + row!.dirty + row!.jobs === 0 ? row! : null
  })
  await done.catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(said)} of ${replay.pushes()}\n${service.log().slice(-3000)}`)
  })
}

const short = (ref: string | null) => ref?.replace(`${registry.host}/`, '') ?? null

async function stored(): Promise<Causes> {
  const rows = await pg.sql<{ ref: string; base: string; role: string; via: string | null; platforms: string[] }[]>`
    select t.ref, c.base, c.role, c.via, c.platforms from cause c join tag t on t.id = c.tag_id`
  return new Set(
    rows.map(({ ref, base, role, via, platforms }) => {
      const way = via === null ? '' : ` via ${short(via)}`
      return `${short(ref)}: ${role} ${short(base)}${way} on ${[...platforms].sort()}`
    }),
  )
}

/** What only one of two sets has, so that a failure can be read. */
const differences = (found: ReadonlySet<string>, wanted: ReadonlySet<string>) => ({
  missing: [...wanted].filter((line) => !found.has(line)),
  wrong: [...found].filter((line) => !wanted.has(line)),
})
const none = { missing: [], wrong: [] }

type Page = { items: { ref: string }[]; next: string | null }
async function outdatedBy(base: string | null): Promise<Set<string>> {
  const refs = new Set<string>()
  const query = new URLSearchParams({ limit: '100', ...(base === null ? {} : { base: `${registry.host}/${base}` }) })
  for (let next: string | null = ''; next !== null; ) {
    const page: Page = await service.api(
      'GET',
      `/outdated?${query}${next === '' ? '' : `&cursor=${encodeURIComponent(next)}`}`,
    )
    for (const { ref } of page.items) refs.add(short(ref)!)
    next = page.next
  }
  return refs
}

/** The tags with a runtime cause; with `base`, only those that have it as root or on the way. */
const flagged = (causes: Causes, base: string | null): Set<string> =>
  new Set(
    [...causes].flatMap((line) => {
      const [, tag, root, via] = /^(\S+): runtime (\S+)(?: via (\S+))? on /.exec(line) ?? []
      return tag && (base === null || root === base || via === base) ? [tag] : []
    }),
  )

async function compare(bases: readonly string[]): Promise<void> {
  await quiet(300)
  const wanted = closure(replay.tags)
  expect(differences(await stored(), wanted)).toEqual(none)
  expect(differences(await outdatedBy(null), flagged(wanted, null))).toEqual(none)
  for (const base of bases) expect(differences(await outdatedBy(base), flagged(wanted, base))).toEqual(none)
}

test('before anything moves, every tag is there, current, and knows all of its bases', async () => {
  const rows = await pg.sql<
    { ref: string; status: string; because: string }[]
  >`select ref, status, because::text from tag`
  expect(new Set(rows.map((row) => short(row.ref)))).toEqual(new Set(replay.tags.keys()))
  expect(rows.filter((row) => row.status !== 'current' || row.because !== '[]')).toEqual([])
  await compare([])
})

test('every base name: when it moves, exactly what the file says is outdated, and nothing once it is back', async () => {
  const batches = batchesOf(graph)
  expect(batches.flat().sort()).toEqual([...graph.baseNames].sort())
  for (const [i, bases] of batches.entries()) {
    const before = new Map(bases.flatMap((base) => touchedBy(base).map((tag) => [tag, replay.tags.get(tag)!])))
    await replay.build([...new Set(bases.flatMap((base) => graph.groupOf.get(base)!.sources))], `move ${i}`)
    await compare(bases)
    const causes = await stored()
    for (const base of bases) {
      const says = fileSays(graph, base)
      expect(says.runtime.size + says.build.size).toBeGreaterThan(0)
      expect(differences(rootedIn(causes, 'runtime', touchedBy(base)), says.runtime)).toEqual(none)
      expect(differences(rootedIn(causes, 'build', touchedBy(base)), says.build)).toEqual(none)
    }
    await putBack(before)
  }
}, 1_200_000)

test('a base with aliases: when its tag alone moves, all that may have meant it is outdated, and nothing else', async () => {
  const aliased = (base: string) => graph.groupOf.get(base)!.tags.length > 1
  for (const [i, batch] of batchesOf(graph).entries()) {
    const bases = batch.filter(aliased)
    const before = new Map(bases.map((base) => [base, replay.tags.get(base)!]))
    for (const base of bases) await replay.buildAlone(base, `alone ${i}`)
    await compare(bases)
    await putBack(before)
  }
}, 1_200_000)

async function putBack(before: ReadonlyMap<string, Release>): Promise<void> {
  for (const [tag, release] of before) await replay.point([tag], release)
  await quiet(300)
  expect([...(await stored())]).toEqual([])
}

/** `tag on platform`, for every tag and platform that has a cause of this role with one of these roots. */
const rootedIn = (causes: Causes, role: string, roots: readonly string[]): Set<string> =>
  new Set(
    [...causes].flatMap((line) => {
      const [, tag, found, root, platforms = ''] = /^(\S+): (\S+) (\S+)(?: via \S+)? on (.+)$/.exec(line) ?? []
      return found === role && roots.includes(root!)
        ? platforms.split(',').map((platform) => `${tag} on ${platform}`)
        : []
    }),
  )

/** Tags whose index changes when a base's sources are built anew. */
const touchedBy = (base: string): string[] => {
  const { sources } = graph.groupOf.get(base)!
  return graph.groups.filter((g) => g.sources.some((s) => sources.includes(s))).flatMap((g) => g.tags)
}

test('all of them one after another, from the leaves down to the roots, and none put back', async () => {
  const used = new Set(graph.baseNames.flatMap((base) => graph.groupOf.get(base)!.sources))
  for (const level of levels(graph).reverse()) {
    const moving = level.filter((source) => used.has(source))
    await replay.build(moving, 'moved for good')
  }
  await compare(graph.baseNames)
}, 1_200_000)
