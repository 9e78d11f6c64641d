import { beforeEach, describe, expect, test } from '@jest/globals'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { addMember, addOutdated, sha } from './flags.ts'
import { mailWorld } from './mail-world.ts'

const { pg, smtp, clock, deps, sendAll } = await mailWorld()
beforeEach(async () => {
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'public')`
})

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const hush = 'r.test/secret/hush:1'
const gather = async () => {
  await notify(deps())
  clock.now = new Date(clock.now.getTime() + 300_000)
  await notify(deps())
}
const mails = async (user?: string) =>
  (await listMails(pg, { ...(user === undefined ? {} : { user }), cursor: null, limit: 100 })).items

describe('a base whose namespace turns private while a mail waits', () => {
  beforeEach(async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await gather()
    expect((await mails())[0]!.subject).toContain(base)
    await pg.sql`update namespace set visibility = 'private' where key = 'lib'`
  })

  test('is named to nobody who may not read it: the mail is taken back, and written anew', async () => {
    await sendAll()
    expect(smtp.received).toEqual([])
    expect((await mails()).map(({ state, error }) => [state, error])).toEqual([
      ['failed', 'not sent: ada may not read all names in it any more'],
    ])
    await gather()
    await sendAll()
    await sendAll()
    expect(smtp.received.map(({ mail }) => mail.subject)).toEqual([`${run} is outdated: (withheld) has moved`])
    expect(smtp.received[0]!.raw).not.toContain('lib/base')
    expect((await mails()).map(({ state }) => state).toSorted()).toEqual(['failed', 'sent'])
  })

  test.each([
    ['a member of it', () => addMember(pg.sql, 'lib', 'ada', { role: 'viewer' })],
    ['an admin', () => pg.sql`update person set admin = true`],
    ['anybody, where it is protected', () => pg.sql`update namespace set visibility = 'protected' where key = 'lib'`],
  ])('is named to %s', async (_who, change) => {
    await change()
    await sendAll()
    expect(smtp.received.map(({ mail }) => mail.subject)).toEqual([`${run} is outdated: ${base} has moved`])
  })
})

describe('two users with one address', () => {
  beforeEach(async () => {
    await addMember(pg.sql, 'app', 'ada', { email: 'team@example.org' })
    await addMember(pg.sql, 'secret', 'zoe', { email: 'Team@example.org' })
    for (const ref of [run, hush]) await addOutdated(pg.sql, ref, { base, to: sha('v2') })
  })

  test('each reads with us what is theirs, and nothing of the other’s', async () => {
    await gather()
    const seen = async (user: string) =>
      (await mails(user)).map(({ text }) => [text.includes(run), text.includes(hush)])
    expect(await seen('ada')).toEqual([[true, false]])
    expect(await seen('zoe')).toEqual([[false, true]])
    const [own] = await mails('zoe')
    expect(await getMail(pg, own!.id, 'ada')).toBeNull()
    expect(await getMail(pg, own!.id, 'zoe')).toMatchObject({ refs: [hush] })
    await sendAll()
    expect(smtp.received.map(({ to }) => to.join().toLowerCase())).toEqual(['team@example.org', 'team@example.org'])
  })

  test('what both may read is one mail, and each reads it with us', async () => {
    await addMember(pg.sql, 'app', 'zoe')
    await addMember(pg.sql, 'secret', 'ada', { role: 'viewer' })
    await gather()
    expect(await mails()).toHaveLength(1)
    for (const user of ['ada', 'zoe']) {
      const [mail, ...more] = await mails(user)
      expect(more).toEqual([])
      expect((await getMail(pg, mail!.id, user))!.refs).toEqual([run, hush])
    }
    await sendAll()
    expect(smtp.received).toHaveLength(1)
  })

  test('in two zones: at the hour of the first by name, in their zone', async () => {
    await addMember(pg.sql, 'app', 'zoe')
    await pg.sql`
      insert into notify_person (user_name, every, time_zone, hour) values
        ('ada', 'daily', 'America/New_York', 18), ('zoe', 'daily', 'Europe/Berlin', 7)`
    await notify(deps())
    const made: string[] = []
    for (let hour = 0; hour < 24; hour++) {
      clock.now = new Date(clock.now.getTime() + 3_600_000)
      const before = (await mails()).length
      await notify(deps())
      if ((await mails()).length > before) made.push(clock.now.toISOString())
    }
    expect(made).toEqual(['2026-11-21T23:00:00.000Z'])
  })

  test('some of it in common: one mail of that, and one of the rest', async () => {
    await addMember(pg.sql, 'app', 'zoe')
    await gather()
    const refs = async (user: string) =>
      Promise.all((await mails(user)).map(async ({ id }) => (await getMail(pg, id))!.refs))
    expect(await refs('ada')).toEqual([[run]])
    expect((await refs('zoe')).toSorted()).toEqual([[run], [hush]])
    expect(await mails()).toHaveLength(2)
  })
})

describe('who has the address of somebody who is told, and is not told of it now', () => {
  beforeEach(async () => {
    for (const user of ['ada', 'bob']) await addMember(pg.sql, 'app', user, { email: 'Both@example.org' })
    await addMember(pg.sql, 'secret', 'ada', { role: 'viewer' })
    await pg.sql`update person set email = 'both@EXAMPLE.org' where name = 'bob'`
  })
  const moved = (name: string) => `${run} is outdated: ${name} has moved`
  const subjectOf = async (user: string) => (await mails()).find((mail) => mail.user === user)?.subject

  test.each<[string, () => Promise<unknown>]>([
    ['wants it daily', () => pg.sql`insert into notify_person (user_name, every) values ('bob', 'daily')`],
    ['wants none', () => pg.sql`insert into notify_person (user_name, every) values ('bob', 'off')`],
    ['hears of other tags', () => pg.sql`update member set namespace_key = 'web' where user_name = 'bob'`],
    ['is a bot', () => pg.sql`update person set bot = true where name = 'bob'`],
    ['is disabled', () => pg.sql`update person set enabled = false where name = 'bob'`],
  ])('%s: a name that they may not read is withheld', async (_what, change) => {
    await pg.sql`insert into namespace (key) values ('web')`
    await change()
    await addOutdated(pg.sql, run, { base: hush, to: sha('v2') })
    await gather()
    expect(await subjectOf('ada')).toBe(moved('(withheld)'))
    await addMember(pg.sql, 'secret', 'bob', { role: 'viewer' })
    await pg.sql`delete from notice`
    await pg.sql`delete from mail`
    await gather()
    expect(await subjectOf('ada')).toBe(moved(hush))
  })

  test('comes to it while the mail waits: it is taken back', async () => {
    await pg.sql`update person set email = 'bob@example.org' where name = 'bob'`
    await pg.sql`insert into notify_person (user_name, every) values ('bob', 'off')`
    await addOutdated(pg.sql, run, { base: hush, to: sha('v2') })
    await gather()
    expect(await subjectOf('ada')).toBe(moved(hush))
    await pg.sql`update person set email = 'both@example.org' where name = 'bob'`
    await sendAll()
    await gather()
    await sendAll()
    expect(smtp.received.map(({ mail }) => mail.subject)).toEqual([moved('(withheld)')])
  })
})
