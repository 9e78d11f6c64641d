import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { ingest } from '../../../src/ingest/ingest.ts'
import { makeRegistries } from '../../../src/registry/registries.ts'
import { testDeps } from '../../support/deps.ts'
import { documented } from './documented.ts'
import { headerToken, registry, type Stage, send, setStage, urlToken } from './stage.ts'

/** One delivery may hold a great many events. */
let stage: Stage
let url: string
beforeAll(async () => {
  stage = await setStage()
  url = await stage.serve([registry('r.test')])
})
beforeEach(() => stage.clear())
afterAll(() => stage.close())

const bearer = { authorization: `Bearer ${headerToken}` }
const digest = `sha256:${'a'.repeat(64)}`
const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const pushOf = (i: number, more: object = {}) => ({
  ...{ id: `e${i}`, timestamp: '2026-11-21T02:57:42.791564102Z', action: 'push' },
  target: { mediaType, digest, repository: 'lib/base', tag: `${i}`, ...more },
})
const envelope = (count: number, more?: object) =>
  fetch(url, {
    method: 'POST',
    headers: bearer,
    body: JSON.stringify({ events: times(count, (i) => pushOf(i, more)) }),
  })
const grid = (count: number, by: { headers: Record<string, string>; query: string }) => {
  const [event] = documented('azure-grid-push').body as { data: object }[]
  const body = times(count, (i) => ({ ...event!, id: `g${i}`, data: { ...event!.data, ...pushOf(i) } }))
  return send(url, 'azure', { ...by, body: JSON.stringify(body) })
}
const byUrl = { headers: {}, query: `token=${urlToken}` }
const byHeader = { headers: bearer, query: '' }
const harborBatch = (events: number, resources: number) => {
  const { data, ...event } = documented('harbor-delete-cloudevents').body as { data: { repository: object } }
  const named = { ...data, resources: times(resources, (i) => ({ digest, tag: `t${i}` })) }
  const body = times(events, (i) => ({ ...event, type: 'harbor.artifact.pushed', id: `h${i}`, data: named }))
  return send(url, 'harbor', { ...byHeader, body: JSON.stringify(body) })
}
const outcomes = async () => (await stage.rows()).map(({ outcome, reason }) => `${outcome} ${reason}`)
const jobs = () => stage.pg.sql<{ task: string; priority: number }[]>`
  select distinct t.identifier as task, j.priority::int from graphile_worker._private_jobs j
  join graphile_worker._private_tasks t on t.id = j.task_id order by 1, 2`

describe('a delivery of more than is kept or asked for one by one is one row, and the registry is compared', () => {
  test.each<[string, () => Promise<Response>, string]>([
    ['60,000 pushes of Distribution', () => envelope(60_000), 'too-many-events'],
    ['2,001 that each name nothing', () => envelope(2001, { repository: '' }), 'too-many-events'],
    ['1,001 that cannot be used, but name a tag', () => envelope(1001, { digest: 'none' }), 'too-many-tags'],
    ['20,000 of Event Grid under a token in the address', () => grid(20_000, byUrl), 'too-many-tags'],
    ['100 CloudEvents of 900 resources each', () => harborBatch(100, 900), 'too-many-tags'],
  ])('%s', async (_, deliver, reason) => {
    for (const _time of ['first', 'again']) expect((await deliver()).status).toBe(202)
    expect(await outcomes()).toEqual([`ignored ${reason}`])
    expect(await stage.jobs()).toEqual(['reconcile reconcile:r.test'])
  })

  test.each<[string, () => Promise<Response>, number]>([
    ['2,000 pushes', () => envelope(2000), 2000],
    ['1,001 of Event Grid under the webhook token, as facts', () => grid(1001, byHeader), 1001],
    ['1,000 of Event Grid under a token in the address', () => grid(1000, byUrl), 1000],
  ])('%s are kept and handled one by one', async (_, deliver, count) => {
    expect((await deliver()).status).toBe(202)
    const rows = await outcomes()
    expect([rows.length, ...new Set(rows)]).toEqual([count, 'pending null'])
    expect((await stage.jobs()).length).toBe(count)
  })
})

describe('what comes under a token in the address waits behind all else', () => {
  test('its events, and what they make us look at', async () => {
    expect((await grid(3, byUrl)).status).toBe(202)
    expect(await jobs()).toEqual([{ task: 'ingest', priority: 10 }])
    await stage.clear()
    const unusable = JSON.stringify({ ...pushOf(1, { digest: 'none' }) })
    expect((await send(url, 'azure', { ...byUrl, body: unusable })).status).toBe(202)
    expect(await jobs()).toEqual([{ task: 'look', priority: 10 }])
  })

  test('not those under the webhook token, whether facts or looks, though they share a commit', async () => {
    const answers = await Promise.all([grid(3, byUrl), harborBatch(1, 1), grid(1, byHeader), envelope(1)])
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202])
    const waiting = await stage.pg.sql<{ eventId: string; priority: number }[]>`
      select event.event_id, job.priority::int from graphile_worker._private_jobs job
      join event on event.id::text = job.payload ->> 'eventId'`
    expect(waiting).toHaveLength(6)
    for (const { eventId, priority } of waiting)
      expect([eventId, priority]).toEqual([eventId, eventId.startsWith('azure?') ? 10 : 0])
  })

  test('also when it is tried again', async () => {
    expect((await grid(1, byUrl)).status).toBe(202)
    const [row] = await stage.pg.sql<{ id: string }[]>`select id from event`
    await stage.pg.sql`delete from graphile_worker._private_jobs`
    const d = testDeps(stage.pg)
    const none = makeRegistries([], d.log, { outside: [], watch: [] })
    await ingest({ ...d, registries: none }, row!.id)
    expect(await outcomes()).toEqual(['failed null'])
    expect(await jobs()).toEqual([{ task: 'ingest', priority: 10 }])
  })
})
