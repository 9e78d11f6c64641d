import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { putCredential } from '../../src/build/credentials.ts'
import { namespaceLogins } from '../../src/build/logins.ts'
import { claimNext } from '../../src/build/next-build.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { requestBuild } from '../../src/build/request.ts'
import { gatherGrant } from '../../src/build/service/gather-grant.ts'
import { putChannel } from '../../src/channels/channels.ts'
import { tellChannels } from '../../src/channels/tell-channels.ts'
import { gather } from '../../src/notify/gather.ts'
import { makeMailer } from '../../src/notify/mailer.ts'
import { notify } from '../../src/notify/notify.ts'
import { send } from '../../src/notify/send.ts'
import { putMember } from '../../src/people/members.ts'
import { listNamespaces, setVisibility } from '../../src/people/namespaces.ts'
import { unheardNamespaces } from '../../src/people/unheard.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { makeSchedules } from '../../src/triggers/schedules.ts'
import { startApi } from '../api/start-api.ts'
import { configFor } from '../notify/config.ts'
import { addTag, judge, sha, wipe } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startWith } from './registries.ts'

/** a.test/app is ann's, b.test/app is bea's, and a.test is configured no more. */
let pg: TestDatabase
const base = 'docker.io/library/debian:13'
const secret = 'a.test/app/secret-project:1'
const own = 'b.test/app/run:1'
const target = { host: 'a.test', repository: 'app/secret-project' }
const start = (...registries: string[]) => startWith(pg, ...registries)
type Started = Awaited<ReturnType<typeof start>>

beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate setting, token, notify_person, notify_namespace cascade`
})

async function estate(...more: string[]): Promise<Started> {
  const d = await start('a.test', 'b.test', ...more)
  await addTag(pg.sql, secret, { digest: sha('x') })
  await addTag(pg.sql, own, { digest: sha('y') })
  await putMember(pg, 'a.test/app', 'ann', { role: 'owner', email: 'ann@example.org' })
  await putMember(pg, 'b.test/app', 'bea', { role: 'owner', email: 'bea@example.org' })
  return d
}
const move = async (...refs: string[]) => {
  for (const ref of refs) await judge(pg.sql, ref, [{ base, to: sha('v2') }])
}
const mails = async () =>
  (await pg.sql<{ to: string; text: string }[]>`select "to", text from mail where state <> 'failed' order by "to"`).map(
    ({ to, text }) => [to, text.includes('secret-project')],
  )
const told = async (d: Started) => {
  await notify(d)
  return mails()
}
const putAuto = (d: Started, ref: string, more: object = {}) =>
  putRecipe(d, ref, Recipe.parse({ git: { url: 'https://git.a.test/ann/x.git', ref: 'main' }, ...more }))
const builds = () => pg.sql`select ref, namespace_key, state::text from build order by ref`

test('a start without any registry says nothing of those that were', async () => {
  await estate()
  await start()
  expect(await pg.sql`select name from registry where gone`).toEqual([])
  const keys = await pg.sql<{ key: string }[]>`select namespace_key as key from member order by 1`
  expect(keys.map(({ key }) => key)).toEqual(['a.test/app', 'b.test/app'])
})

describe.each([
  ['of two', [], ['b.test'], 'app'],
  ['of three', ['c.test'], ['b.test', 'c.test'], 'b.test/app'],
])('a registry that is configured no more, %s', (_of, more, left, key) => {
  test('is heard of by nobody, and by those it was told to when it is back', async () => {
    await estate(...more)
    const d = await start(...left)
    await move(secret, own)
    expect(await told(d)).toEqual([['bea@example.org', false]])
    expect(await unheardNamespaces(d)).toEqual([])
    expect(await told(await start('a.test', 'b.test', ...more))).toEqual([
      ['ann@example.org', true],
      ['bea@example.org', false],
    ])
  })

  test('has notices that wait, and mails whose notices wait again', async () => {
    await estate(...more)
    await move(secret)
    const before = await start('a.test', 'b.test', ...more)
    await notify(before)
    const [mail] = await pg.sql<{ id: string }[]>`update mail set state = 'pending' returning id`
    const d = await start(...left)
    const mailer = makeMailer(configFor(['r.test'], { smtpUrl: 'smtp://127.0.0.1:1' }))!
    await send({ ...d, mailer }, mail!.id).finally(() => mailer.close())
    expect(await pg.sql`select state::text, error from mail`).toEqual([
      { state: 'failed', error: expect.stringContaining('not sent') },
    ])
    await gather(d)
    expect(await mails()).toEqual([])
    expect(await pg.sql`select user_name, namespace, mail_id from notice`).toEqual([
      { userName: 'ann', namespace: 'a.test/app', mailId: null },
    ])
    expect(await told(await start('a.test', 'b.test', ...more))).toEqual([['ann@example.org', true]])
  })

  test('tells the channels of nobody, and its own again when it is back', async () => {
    const before = await estate(...more)
    const url = 'https://hooks.test/x'
    await putChannel(before, 'a.test/app', 'hers', { kind: 'slack', url, enabled: true })
    await putChannel(before, 'b.test/app', 'ours', { kind: 'slack', url, enabled: true })
    const channels = () =>
      pg.sql`select c.name, d.state::text from delivery d join channel c on c.id = d.channel_id order by c.name`
    const d = await start(...left)
    await move(secret)
    await tellChannels(d)
    expect(await channels()).toEqual([])
    await tellChannels(await start('a.test', 'b.test', ...more))
    expect(await channels()).toEqual([{ name: 'hers', state: 'pending' }])
  })

  test('is seen by admins alone', async () => {
    await estate(...more)
    await setVisibility(pg, 'a.test/app', 'public')
    await pg.sql`insert into build (ref, key, reason, recipe, namespace_key) values (${secret}, 'k', '{}', '{}', 'a.test/app')`
    const d = await start(...left)
    await move(secret)
    await pg.sql`update tag set outdated_since = 1 where status = 'outdated'`
    const counts = async () =>
      (await listNamespaces(d, { cursor: null, limit: 9 })).items.map((one) => [one.key, one.repositories, one.members])
    expect(await counts()).toEqual(
      key === 'app'
        ? [
            ['a.test/app', 1, 0],
            ['app', 1, 1],
          ]
        : [
            ['a.test/app', 1, 0],
            ['b.test/app', 1, 1],
          ],
    )
    const api = await startApi(pg, d.config.registries)
    try {
      const seenBy = async (token: string) => {
        const all: unknown[] = []
        for (const path of ['builds', 'outdated', 'tags', 'namespaces'])
          all.push((await api.call('GET', path, { token })).text.includes('a.test'))
        return all
      }
      for (const user of ['ann', 'bea']) {
        const made = await api.call('POST', 'tokens', { body: { user, name: 't' } })
        const { token } = made.body as unknown as { token: string }
        expect([user, await seenBy(token)]).toEqual([user, [false, false, false, false]])
        expect((await api.call('GET', `tags/${encodeURIComponent(secret)}`, { token })).status).toBe(404)
      }
      expect(await seenBy(api.token)).toEqual([true, true, true, true])
    } finally {
      await api.close()
    }
  })

  test('is built for nobody, and again when it is back', async () => {
    const before = await estate(...more)
    await putAuto(before, secret, { schedule: '30 2 * * *' })
    await putCredential({ ...before, db: pg.db }, key, 'c', { kind: 'secret', password: 'sesame', urlPrefix: '' })
    expect(await requestBuild(before, { ref: secret, reason: { kind: 'manual' }, root: null })).toMatchObject({
      created: true,
    })
    const d = { ...(await start(...left)), db: pg.db }
    expect(await claimNext(d, 'any')).toBeNull()
    await pg.sql`update build set state = 'cancelled', finished_at = now()`
    await pg.sql`update recipe set due_at = now() - interval '1 day'`
    await makeSchedules(d).turn()
    expect(await requestBuild(d, { ref: secret, reason: { kind: 'schedule' }, root: null })).toBe('no-recipe')
    expect(() => namespaceLogins(d, target)).toThrow(expect.objectContaining({ code: 'registry-gone' }))
    const recipe = Recipe.parse({ git: { url: 'https://git.a.test/ann/x.git', ref: 'main' } })
    await expect(gatherGrant(d, target, recipe)).rejects.toMatchObject({ code: 'registry-gone', retryable: true })
    expect(await builds()).toMatchObject([{ namespaceKey: 'a.test/app', state: 'cancelled' }])

    const again = { ...(await start('a.test', 'b.test', ...more)), db: pg.db }
    await makeSchedules(again).turn()
    const states = (await builds()).map(({ state }) => state).sort()
    expect(states).toEqual(['cancelled', 'queued'])
    expect((await claimNext(again, 'any'))?.claim.ref).toBe(secret)
  })

  test('is planned as if it had no recipe: what is based on it does not wait for it', async () => {
    const before = await estate(...more)
    await putAuto(before, secret, { auto: true })
    await move(secret)
    const stateOf = async (d: Started) => (await rebuildStates(d, [secret])).get(secret)?.state
    expect(await stateOf(before)).not.toBe('none')
    expect(await stateOf(await start(...left))).toBe('none')
    expect(await stateOf(await start('a.test', 'b.test', ...more))).not.toBe('none')
  })
})

test('a registry in the place of another has none of its people, and gives all back with it', async () => {
  await start('a.test')
  await addTag(pg.sql, secret, { digest: sha('x') })
  await putMember(pg, 'app', 'ann', { role: 'owner', email: 'ann@example.org' })
  await addTag(pg.sql, own, { digest: sha('y') })
  const d = await start('b.test')
  await putMember(pg, 'app', 'bea', { role: 'owner', email: 'bea@example.org' })
  await move(secret, own)
  expect(await told(d)).toEqual([['bea@example.org', false]])
  expect(await pg.sql`select namespace_key, user_name from member`).toEqual([{ namespaceKey: 'app', userName: 'bea' }])
  expect(await told(await start('a.test'))).toEqual([
    ['ann@example.org', true],
    ['bea@example.org', false],
  ])
  expect(await pg.sql`select namespace_key, user_name from member`).toEqual([{ namespaceKey: 'app', userName: 'ann' }])
})

test('a registry that is called otherwise now, by its alias, keeps its people under its new name', async () => {
  await start('a.test', 'c.test')
  await addTag(pg.sql, secret, { digest: sha('x') })
  await putMember(pg, 'a.test/app', 'ann', { role: 'owner', email: 'ann@example.org' })
  await putMember(pg, 'c.test/app', 'cas', { role: 'owner', email: 'cas@example.org' })
  const keys = () => pg.sql`select namespace_key as key, user_name as who from member order by 1, 2`
  await start('b.test=a.test', 'c.test')
  expect(await keys()).toEqual([
    { key: 'b.test/app', who: 'ann' },
    { key: 'c.test/app', who: 'cas' },
  ])
  await start('b.test=a.test')
  expect(await keys()).toEqual([{ key: 'app', who: 'ann' }])
  await start('b.test=a.test', 'c.test')
  expect(await keys()).toHaveLength(2)
  await start('c.test=a.test=b.test')
  expect(await keys()).toEqual([
    { key: 'app', who: 'ann' },
    { key: 'app', who: 'cas' },
  ])
})
