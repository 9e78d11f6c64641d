import { describe, expect, test } from '@jest/globals'
import { listMails } from '../../src/notify/mails.ts'
import { sendAgain } from '../../src/notify/send-again.ts'
import { beginAnew } from '../../src/people/begin-anew.ts'
import { addMember } from './flags.ts'
import { boom, outside, stoppedPlans } from './stopped-plans.ts'

const w = await stoppedPlans()
const [run, team, base] = ['r.test/app/run:1', 'r.test/team/x:1', 'r.test/lib/base:1']
const enable = (name: string, enabled: boolean) => w.pg.sql`update person set enabled = ${enabled} where name = ${name}`
const leave = (name: string, namespace: string) =>
  w.pg.sql`delete from member where user_name = ${name} and namespace_key = ${namespace}`
const open = (namespace: string, visibility: 'public' | 'private') =>
  w.pg.sql`update namespace set visibility = ${visibility}::visibility where key = ${namespace}`
const one = (...to: string[]) => to.map((name) => `${name}@example.org`)

describe('which stop it is of', () => {
  test('nobody is told of it twice, whatever the clock does', async () => {
    for (const name of ['ada', 'carl', 'dora']) await addMember(w.pg.sql, 'app', name)
    await w.stopped(outside, [run])
    for (const name of ['carl', 'dora']) await enable(name, false)
    await w.sendAll()
    w.later(-3600)
    await addMember(w.pg.sql, 'app', 'zoe')
    await enable('dora', true)
    for (let i = 0; i < 4; i++) await w.aWhile()
    expect(w.arrived()).toEqual(one('ada', 'dora', 'zoe'))
  })

  test('each stop is told once to each, and of one that is over nothing', async () => {
    for (const name of ['ada', 'carl']) await addMember(w.pg.sql, 'app', name)
    const plan = await w.stopped(outside, [run])
    const stopAgain = async () => {
      await w.pg.sql`update plan set state = 'open', ended_at = null where id = ${plan}`
      await w.stop(plan)
    }
    await enable('carl', false)
    await w.sendAll()
    await enable('carl', true)
    await stopAgain()
    await w.aWhile()
    expect(w.arrived()).toEqual(one('ada', 'ada', 'carl'))
    expect((await w.mails()).filter(({ state }) => state === 'failed')).toMatchObject([
      { user: 'carl', error: 'not sent: carl is disabled; not written again: the plan is not stopped any more' },
    ])
    // this stop was told to all whom it was to be told to
    await addMember(w.pg.sql, 'app', 'zoe')
    await w.aWhile()
    expect(w.arrived()).toHaveLength(3)
    await stopAgain()
    await enable('ada', false)
    await w.sendAll()
    await enable('ada', true)
    await w.aWhile()
    expect(w.arrived()).toEqual(one('ada', 'ada', 'ada', 'carl', 'carl', 'zoe'))
  })

  test('what waits while the plan goes on is not sent', async () => {
    await addMember(w.pg.sql, 'app', 'ada')
    const plan = await w.stopped(outside, [run])
    await w.pg.sql`update plan set state = 'open' where id = ${plan}`
    await w.aWhile()
    expect(w.arrived()).toEqual([])
    expect(await w.mails()).toMatchObject([{ state: 'failed', error: 'not sent: the plan is not stopped any more' }])
  })

  test('whom it reached is not told again at another address', async () => {
    for (const name of ['ada', 'carl']) await addMember(w.pg.sql, 'app', name)
    await w.stopped(outside, [run])
    await enable('carl', false)
    await w.sendAll()
    await w.pg.sql`update person set email = 'ada2@example.org' where name = 'ada'`
    await w.aWhile()
    expect(w.arrived()).toEqual(one('ada'))
  })

  test('a mail that was written anew is not sent again, nor one of a plan that goes on', async () => {
    await addMember(w.pg.sql, 'app', 'ada')
    const plan = await w.stopped(outside, [run])
    await enable('ada', false)
    await w.sendAll()
    const [failed] = await w.mails()
    expect(await sendAgain(w.deps(), failed!.id)).toBe('due')
    await w.sendAll()
    expect(await w.mails()).toMatchObject([{ state: 'failed' }])
    await enable('ada', true)
    await w.aWhile()
    expect(await sendAgain(w.deps(), failed!.id)).toBe('over')
    await w.sendAll()
    expect(w.arrived()).toEqual(one('ada'))
    await w.pg.sql`update mail set state = 'failed', error = 'x'`
    expect(await sendAgain(w.deps(), failed!.id)).toBe('due')
    await w.pg.sql`update plan set state = 'open' where id = ${plan}`
    expect(await sendAgain(w.deps(), failed!.id)).toBe('over')
  })
})

describe('what its reader may not be told any more', () => {
  test('who looks after one of two namespaces no longer is not sent its tag and its words', async () => {
    for (const namespace of ['app', 'team']) await addMember(w.pg.sql, namespace, 'ada')
    await w.stopped(outside, [run, team])
    await leave('ada', 'team')
    await w.aWhile()
    expect(w.arrived()).toEqual(one('ada'))
    expect(w.texts()[0]).toContain(`* ${run} ${boom(run)}`)
    expect(w.texts()[0]).not.toMatch(/team/)
    expect(await w.mails()).toMatchObject([{ error: 'not sent: ada hears of some of it no longer' }, { state: 'sent' }])
  })

  test.each(['team', 'app'])(
    'a namespace that turned private while the mail waited is not named: %s',
    async (closed) => {
      await addMember(w.pg.sql, 'team', 'bob')
      await addMember(w.pg.sql, 'app', 'eve')
      await open('team', 'public')
      await open('app', 'public')
      // of one repository of app, and of nothing else of it
      await w.pg.sql`insert into person (name, email) values ('ada', 'ada@example.org')`
      await w.pg.sql`insert into owner_rule values ('file', 1, 'r.test', 'app/run', '^app/run$', '{ada}')`
      await w.stopped(outside, [run, team, 'r.test/app/other:1'])
      await open(closed as 'team' | 'app', 'private')
      await w.aWhile()
      const ada = w.texts().find((text) => text.includes('Hello ada'))
      expect(ada).toContain(`* ${run} ${boom(run)}`)
      expect(ada!.includes('app/other')).toBe(closed !== 'app')
      expect(ada!.includes('team')).toBe(closed !== 'team')
      expect(ada).toContain('(withheld)')
      expect(w.arrived()).toEqual(one('ada', 'bob', 'eve'))
    },
  )
})

describe('at one address', () => {
  const both = { email: 'both@example.org' }
  test('who hear of the same are told in one mail, which each of them reads here', async () => {
    for (const name of ['ada', 'bob', 'cid']) await addMember(w.pg.sql, 'app', name, both)
    await w.stopped(outside, [run])
    await w.aWhile()
    expect(w.arrived()).toEqual([both.email])
    expect(w.texts()[0]).toContain(`Hello ada, bob, cid,`)
    expect(w.texts()[0]).toContain(boom(run))
    const read = async (user: string) => (await listMails(w.pg, { user, cursor: null, limit: 9 })).items.length
    const all = async () => [await read('ada'), await read('bob'), await read('cid')]
    expect(await all()).toEqual([1, 1, 1])
    // whoever is given the name of one of them next reads nothing of it
    for (const [gone, left] of [
      ['bob', [1, 0, 1]],
      ['ada', [0, 0, 1]],
      ['cid', [0, 0, 0]],
    ] as const) {
      await w.pg.sql.begin((tx) => beginAnew(tx, [gone]))
      expect(await all()).toEqual(left)
    }
    expect(await w.mails()).toEqual([])
  })

  test('a mail that one of them is not to be told any more is taken back, and written for the other', async () => {
    for (const name of ['ada', 'bob']) await addMember(w.pg.sql, 'app', name, both)
    await w.stopped(outside, [run])
    await leave('bob', 'app')
    await w.aWhile()
    expect(w.texts()).toHaveLength(1)
    expect(w.texts()[0]).toContain('Hello ada,')
    expect(w.texts()[0]).toContain('the build itself failed')
    expect(w.texts()[0]).not.toContain(boom(run))
  })

  test('of a base that both look after: neither what one alone may read, nor its words', async () => {
    for (const name of ['ada', 'bob']) await addMember(w.pg.sql, 'lib', name, both)
    await addMember(w.pg.sql, 'app', 'ada')
    await addMember(w.pg.sql, 'team', 'bob')
    await w.stopped(base, [run, team])
    await w.aWhile()
    expect(w.texts()).toHaveLength(1)
    expect(w.texts()[0]).toContain(base)
    expect(w.texts()[0]).not.toMatch(/app\/run|team\/x|boom/)
  })

  test('of a base outside: each of their own tags, in a mail of their own', async () => {
    await addMember(w.pg.sql, 'app', 'ada', both)
    await addMember(w.pg.sql, 'team', 'bob', both)
    await w.stopped(outside, [run, team])
    await w.aWhile()
    const [ada, bob] = w.texts().toSorted()
    expect(w.texts()).toHaveLength(2)
    expect([ada!.includes(run), ada!.includes('team/x')]).toEqual([true, false])
    expect([bob!.includes('app/run'), bob!.includes(team)]).toEqual([false, true])
    for (const text of [ada, bob]) expect(text).not.toContain('boom')
  })
})

describe('who is told why a build failed', () => {
  test('who is named by a source or a file as who looks after the tag', async () => {
    await addMember(w.pg.sql, 'app', 'ada', { role: 'viewer' })
    await w.pg.sql`update member set told = true`
    await w.stopped(outside, [run])
    await w.aWhile()
    expect(w.texts()[0]).toContain(`* ${run} ${boom(run)}`)
  })

  test('an admin who looks after the base reads every name, and what kind of fault it was', async () => {
    await addMember(w.pg.sql, 'lib', 'root')
    await w.pg.sql`update person set admin = true`
    await addMember(w.pg.sql, 'app', 'eve')
    await w.stopped(base, [run])
    await w.aWhile()
    expect(w.arrived()).toEqual(one('root'))
    expect(w.texts()[0]).toContain(`* ${run} the build itself failed`)
  })
})

test('who looks after a namespace here is not told of a base of that name elsewhere', async () => {
  await addMember(w.pg.sql, 'lib', 'lou')
  await addMember(w.pg.sql, 'app', 'ada')
  await w.stopped('ext.test/lib/base:1', [run])
  await w.aWhile()
  expect(w.arrived()).toEqual(one('ada'))
})
