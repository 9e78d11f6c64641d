import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { deliver } from '../../src/channels/deliver.ts'
import { getDelivery, replayDelivery } from '../../src/channels/deliveries.ts'
import { channelKinds } from '../../src/channels/notifiers.ts'
import { readableBody } from '../../src/channels/readable-body.ts'
import { tellChannels } from '../../src/channels/tell-channels.ts'
import type { Config } from '../../src/config.ts'
import { addOutdated, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Receiver, receiver } from './receiver.ts'
import { channelWorld } from './world.ts'

/** What turns private while a delivery waits. */
let pg: TestDatabase
let world: ReturnType<typeof channelWorld>
let hook: Receiver
let answer = 500
beforeAll(async () => {
  pg = await testDatabase()
  world = channelWorld(pg)
})
beforeEach(async () => {
  await world.reset()
  answer = 500
  hook = await receiver((response) => response.writeHead(answer).end())
})
afterEach(() => hook.close())
afterAll(() => pg.close())

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const names = /lib(?:\/|%2F)base/i
const setVisibility = (to: 'private' | 'public') =>
  pg.sql`update namespace set visibility = ${to}::visibility where key = 'lib'`
/** What waits for that channel, an hour later: its window is over, and so is the wait for the next try. */
async function told(name = 'hook', more: Partial<Config> = {}): Promise<string> {
  await tellChannels(world.deps(more))
  world.later(300)
  await tellChannels(world.deps(more))
  return (await world.deliveries(name)).at(-1)!.id
}
const attempt = async (id: string): Promise<string> => {
  world.later(3600)
  await deliver(world.deps(), { deliveryId: id, silent: true })
  return hook.got.at(-1)!.body
}
const row = async (id: string) => (await pg.sql`select state, body::text as body from delivery where id = ${id}`)[0]
/** Without what each delivery has of its own. */
const common = (body: string) => JSON.parse(body, (key, value) => (key === 'id' || key === 'time' ? null : value))

describe.each(channelKinds)('of a base that turns private before a %s has it', (kind) => {
  beforeEach(async () => {
    await world.add('hook', `${hook.url}/x`, { kind })
    const refs = Array.from({ length: 12 }, (_, i) => `r.test/app/run-${i}:1`)
    for (const ref of refs) await addOutdated(pg.sql, ref, { base, to: sha('v2'), via: 'r.test/lib/base/child:1' })
  })

  test.each([0, 1, 2])('the name is withheld after %i tries, as from a message that is written now', async (tries) => {
    const id = await told()
    for (let nth = 0; nth < tries; nth++) expect(await attempt(id)).toMatch(names)
    await setVisibility('private')
    const sent = await attempt(id)
    expect(sent).not.toMatch(names)
    expect(sent).toContain('(withheld)')
    expect(sent).toContain(kind === 'webhook' ? 'r.test/app/run-0:1' : '/tags/r.test%2Fapp%2Frun-0%3A1')
    await world.add('later', `${hook.url}/y`, { kind })
    expect(common(sent)).toEqual(common((await row(await told('later')))!.body))
  })

  test('each further try has the same bytes under the same id, also when it is open again', async () => {
    const id = await told()
    await setVisibility('private')
    const sent = [await attempt(id), await attempt(id)]
    await setVisibility('public')
    sent.push(await attempt(id))
    expect(new Set(sent).size).toBe(1)
    expect(sent[0]).not.toMatch(names)
    expect(await row(id)).toMatchObject({ state: 'pending' })
    expect(common((await row(id))!.body)).toEqual(common(sent[0]!))
    if (kind !== 'webhook') return
    expect(hook.got.map(({ headers }) => headers['webhook-id'])).toEqual([id, id, id])
    expect(sent.map((body) => JSON.parse(body).id)).toEqual([id, id, id])
  })

  test('what was delivered stays as it was sent, and is replayed without the name', async () => {
    const id = await told()
    answer = 200
    expect(await attempt(id)).toMatch(names)
    await setVisibility('private')
    expect((await getDelivery(world.deps(), id))!.body).toMatch(names)
    await replayDelivery(world.deps(), id)
    expect((await getDelivery(world.deps(), id))!.body).not.toMatch(names)
    expect(await attempt(id)).not.toMatch(names)
    expect((await getDelivery(world.deps(), id))!.body).not.toMatch(names)
  })

  test.each(['pending', 'failed', 'kept'])('one that is %s is shown as it would be sent now', async (state) => {
    const id = await told('hook', { observe: state === 'kept' })
    if (state === 'failed') await pg.sql`update delivery set state = 'failed'`
    await setVisibility('private')
    const { body, state: shown } = (await getDelivery(world.deps(), id))!
    expect(shown).toBe(state)
    expect(body).not.toMatch(names)
    await replayDelivery(world.deps(), id)
    expect(common(await attempt(id))).toEqual(common(body))
  })
})

describe('a body', () => {
  const readable = (body: object, more: Partial<Config> = {}) =>
    readableBody(world.deps(more), 'app', JSON.stringify(body)).then((text) => JSON.parse(text))

  test('of which nothing is hidden is the same', async () => {
    await pg.sql`insert into namespace (key, visibility) values ('app', 'private')`
    const body = {
      text: `${run} stands on ${base} &base=(withheld) \u{F8FF} r.elsewhere/lib/base:1`,
      items: [{ ref: run }],
    }
    expect(await readable(body)).toEqual(body)
  })

  test('goes on counting what is withheld', async () => {
    await setVisibility('private')
    expect(await readable({ via: '(withheld 2)', stillAt: ['(withheld)', base], base })).toEqual({
      ...{ via: '(withheld 2)', stillAt: ['(withheld)', '(withheld 3)'], base: '(withheld 3)' },
    })
  })

  test('keeps its links where a registry is called as Drydock is', async () => {
    await setVisibility('private')
    const publicUrl = 'https://r.test'
    const link = `${publicUrl}/tags/r.test%2Fapp%2Frun%3A1`
    const body = {
      text: `${base} (<${link}|details>) ${publicUrl}/?namespace=app&amp;base=r.test%2Flib%2Fbase%3A1 end`,
    }
    expect(await readable(body, { publicUrl })).toEqual({
      text: `(withheld) (<${link}|details>) ${publicUrl}/?namespace=app end`,
    })
    expect(await readable({ text: link }, { publicUrl })).toEqual({ text: link })
  })
})
