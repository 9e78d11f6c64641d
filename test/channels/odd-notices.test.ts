import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { tellChannels } from '../../src/channels/tell-channels.ts'
import { addOutdated, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { channelWorld } from './world.ts'

/** What cannot be told holds up nothing else, keeps its reason, and is told once it can be. */
let pg: TestDatabase
let world: ReturnType<typeof channelWorld>
const base = 'r.test/lib/base:1'
const url = 'https://hooks.test/x'
beforeAll(async () => {
  pg = await testDatabase()
  world = channelWorld(pg)
})
beforeEach(async () => {
  await world.reset()
  await world.add('hook', url)
})
afterAll(() => pg.close())

const move = (ref: string) => addOutdated(pg.sql, ref, { base, to: sha('v2'), from: sha('v1') })
const tell = async (seconds = 0) => {
  world.later(seconds)
  await tellChannels(world.deps())
  return (await world.deliveries()).map(({ body }) =>
    JSON.parse(body).data.items.map(({ ref }: { ref: string }) => ref),
  )
}
const waiting = () => pg.sql<{ ref: string; error: string | null; triedAt: Date | null }[]>`
  select ref, error, tried_at from channel_notice where delivery_id is null order by id`
/** Of one tag, as it was raised, but that nothing can be told of it; answers how it is mended. */
async function spoil(ref: string, name = 'hook'): Promise<() => Promise<unknown>> {
  const [old] = await pg.sql<{ id: string; since: string }[]>`
    update channel_notice n set content = n.content || '{"since": "never"}' from channel_notice old, channel ch
    where old.id = n.id and n.ref = ${ref} and ch.id = n.channel_id and ch.name = ${name}
    returning n.id::text as id, old.content->>'since' as since`
  return () => pg.sql`
    update channel_notice set content = content || jsonb_build_object('since', ${old!.since}::text) where id = ${old!.id}`
}

test('what moves after an odd notice is one message a window, not one each time', async () => {
  await move('r.test/app/odd:1')
  await tell()
  await spoil('r.test/app/odd:1')
  expect(await tell(300)).toEqual([])
  const refs = Array.from({ length: 5 }, (_, i) => `r.test/app/x${i}:1`)
  for (const ref of refs) {
    await move(ref)
    expect(await tell(1)).toEqual([])
  }
  expect(await tell(300)).toEqual([refs])
})

test('an odd one is left out for an hour, with its reason, and told when it can be', async () => {
  for (const ref of ['r.test/app/odd:1', 'r.test/app/run:1']) await move(ref)
  await tell()
  const mend = await spoil('r.test/app/odd:1')
  expect(await tell(300)).toEqual([['r.test/app/run:1']])
  const reason = 'its content is not what a notice holds: since: no time of a registry'
  const found = world.now()
  expect(await waiting()).toEqual([{ ref: 'r.test/app/odd:1', error: reason, triedAt: found }])
  expect(await tell(3599)).toHaveLength(1)
  expect(await waiting()).toMatchObject([{ triedAt: found }])
  await tell(1)
  expect(await waiting()).toMatchObject([{ error: reason, triedAt: world.now() }])
  await mend()
  expect(await tell(3599)).toHaveLength(1)
  expect(await tell(1)).toEqual([['r.test/app/run:1'], ['r.test/app/odd:1']])
  expect(await pg.sql`select from channel_notice where error is not null or tried_at is not null`).toHaveLength(0)
})

test('a clock that was ahead leaves it out for no longer', async () => {
  await move('r.test/app/odd:1')
  await tell()
  const mend = await spoil('r.test/app/odd:1')
  await tell(300)
  await mend()
  expect(await tell(-3600)).toEqual([['r.test/app/odd:1']])
})

test('a channel that cannot be told holds up no other, loses nothing, and is tried again in a minute', async () => {
  await world.add('other', url)
  await move('r.test/app/run:1')
  await tell()
  const [hook] = await pg.sql<{ id: string }[]>`select id from channel where name = 'hook'`
  await pg.sql.unsafe(`alter table delivery add constraint broken check (channel_id <> '${hook!.id}')`)
  try {
    expect(await tell(300)).toEqual([])
    expect(await world.deliveries('other')).toHaveLength(1)
    const again = pg.sql`select run_at from graphile_worker._private_jobs where key = 'channels:later'`
    expect(await again).toEqual([{ runAt: new Date(world.now().getTime() + 60_000) }])
  } finally {
    await pg.sql`alter table delivery drop constraint broken`
  }
  expect(await tell(60)).toEqual([['r.test/app/run:1']])
  expect(await world.deliveries('other')).toHaveLength(1)
})
