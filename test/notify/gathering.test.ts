import { beforeEach, describe, expect, test } from '@jest/globals'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { type NotifySettings, putNotifySettings } from '../../src/notify/notify-settings.ts'
import { addMember, addOutdated, judge, sha } from './flags.ts'
import { mailWorld } from './mail-world.ts'
import { addMail } from './outbox.ts'

const { pg, smtp, clock, deps, later, sendAll } = await mailWorld()
beforeEach(async () => {
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'public')`
})

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const wants = (name: string, said: Partial<NotifySettings>) =>
  putNotifySettings(deps(), name, {
    ...{ every: 'immediately', timeZone: 'UTC', hour: 8, rebuilt: false, failed: true, still: true, namespaces: {} },
    ...said,
  })
const gather = async () => {
  await notify(deps())
  later(300)
  await notify(deps())
}
const mails = async () => (await listMails(pg, { cursor: null, limit: 100 })).items
const arrived = () => smtp.received.map(({ to, mail }) => `${to.join()} ${mail.subject}`)

describe('each person in their own time', () => {
  beforeEach(async () => {
    for (const name of ['ada', 'bob']) await addMember(pg.sql, 'app', name)
    await addMember(pg.sql, 'web', 'ada')
    for (const ref of [run, 'r.test/web/site:1']) await addOutdated(pg.sql, ref, { base, to: sha('v2') })
  })

  test('daily: at the hour of their zone, all of it in one mail; others at once', async () => {
    await wants('ada', { every: 'daily', timeZone: 'Europe/Berlin', hour: 8 })
    await gather()
    expect((await mails()).map(({ user }) => user)).toEqual(['bob'])
    const [job] = await pg.sql`select run_at from graphile_worker._private_jobs where key = 'notify:later'`
    expect(job!.runAt).toEqual(new Date('2026-11-21T07:00:00Z'))
    clock.now = new Date('2026-11-21T07:00:00Z')
    await notify(deps())
    const [mail] = (await mails()).filter(({ user }) => user === 'ada')
    expect((await getMail(pg, mail!.id))!.refs).toEqual([run, 'r.test/web/site:1'])
  })

  test('weekly, but for one namespace at once', async () => {
    await wants('ada', { every: 'weekly', namespaces: { web: 'immediately' } })
    await gather()
    const own = async () => (await mails()).filter(({ user }) => user === 'ada').map(({ text }) => text.includes(run))
    expect(await own()).toEqual([false])
    clock.now = new Date('2026-11-23T08:00:00Z')
    await notify(deps())
    expect((await own()).toSorted()).toEqual([false, true])
  })

  test('off: nothing, and of what is outdated still when they want it again', async () => {
    await notify(deps())
    await wants('ada', { every: 'off' })
    await gather()
    expect((await mails()).map(({ user }) => user)).toEqual(['bob'])
    expect(await pg.sql`select 1 from notice where user_name = 'ada'`).toHaveLength(0)
    await judge(pg.sql, run, [])
    await wants('ada', {})
    await gather()
    const [mail] = (await mails()).filter(({ user }) => user === 'ada')
    expect((await getMail(pg, mail!.id))!.refs).toEqual(['r.test/web/site:1'])
  })
})

describe('what happens between gathering and sending', () => {
  beforeEach(async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await gather()
  })
  const reason = async () => (await mails()).map(({ state, error }) => [state, error])

  test.each([
    ['disabled', 'is disabled', () => pg.sql`update person set enabled = false`],
    ['a bot', 'is a bot', () => pg.sql`update person set bot = true`],
    ['no member any more', 'hears of some of it no longer', () => pg.sql`delete from member`],
    ['a viewer now', 'hears of some of it no longer', () => pg.sql`update member set role = 'viewer'`],
    ['gone from mail', 'wants no mail of app', () => wants('ada', { every: 'off' })],
  ])('who is %s is not written to; the reason is stored', async (_who, words, change) => {
    await change()
    await sendAll()
    expect(arrived()).toEqual([])
    expect(await reason()).toEqual([['failed', `not sent: ada ${words}`]])
  })

  test('who comes back is told then, once', async () => {
    await pg.sql`update person set enabled = false`
    await sendAll()
    await pg.sql`update person set enabled = true`
    await gather()
    await sendAll()
    await sendAll()
    expect(arrived()).toEqual([`ada@example.org ${run} is outdated: ${base} has moved`])
  })

  test('who has another address is told there, and nobody at the old one', async () => {
    await pg.sql`update person set email = 'new@example.org'`
    await sendAll()
    expect(await reason()).toEqual([['failed', 'not sent: ada has another address']])
    await gather()
    await sendAll()
    expect(arrived()).toEqual([`new@example.org ${run} is outdated: ${base} has moved`])
  })

  test('of two with one address one leaves: what is told is the other’s alone', async () => {
    await addMember(pg.sql, 'web', 'bob', { email: 'ADA@example.org' })
    await addOutdated(pg.sql, 'r.test/web/site:1', { base, to: sha('v2') })
    await pg.sql`update notice set mail_id = null`
    await pg.sql`delete from mail`
    await gather()
    await pg.sql`update person set enabled = false where name = 'ada'`
    await sendAll()
    await gather()
    await sendAll()
    expect(arrived()).toEqual([`ADA@example.org r.test/web/site:1 is outdated: ${base} has moved`])
    expect(smtp.received[0]!.mail.text).not.toContain(run)
  })

  test('a mail without notices goes only to whom it is about', async () => {
    const about = ['app r.test/app/run']
    const [mine, stranger] = [
      await addMail(pg.sql, { about }),
      await addMail(pg.sql, { about: ['web r.test/web/site'] }),
    ]
    await sendAll()
    expect(await getMail(pg, mine)).toMatchObject({ state: 'sent' })
    expect(await getMail(pg, stranger)).toMatchObject({ state: 'failed' })
  })
})

describe('what cannot be written', () => {
  test('keeps its reason and waits; the rest of that person, and others, are told', async () => {
    for (const name of ['ada', 'bob']) await addMember(pg.sql, 'app', name)
    for (const tag of [1, 2]) await addOutdated(pg.sql, `r.test/app/run:${tag}`, { base, to: sha('v2') })
    await notify(deps())
    await pg.sql`update notice set content = content || '{"since": "tomorrow"}' where user_name = 'ada' and ref = ${run}`
    later(300)
    await notify(deps())
    expect((await mails()).map(({ user }) => user).toSorted()).toEqual(['ada', 'bob'])
    const waiting = await pg.sql`select user_name, ref, error, tried_at from notice where mail_id is null`
    expect(waiting).toEqual([
      { userName: 'ada', ref: run, error: expect.stringContaining('since: '), triedAt: clock.now },
    ])
    await pg.sql`update notice set content = content || '{"since": "1"}' where mail_id is null`
    await notify(deps())
    expect(await mails()).toHaveLength(2)
    later(3600)
    await notify(deps())
    expect(await mails()).toHaveLength(3)
    expect(await pg.sql`select 1 from notice where mail_id is null or error is not null`).toHaveLength(0)
  })

  test.each([['null'], ['[]'], ['"x"'], ['{}'], ['{"base": "r/b:1"}']])('content %s', async (content) => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await notify(deps())
    await pg.sql`update notice set content = ${content}::text::jsonb`
    later(300)
    await notify(deps())
    expect(await mails()).toEqual([])
    expect(await pg.sql`select 1 from notice where error <> ''`).toHaveLength(1)
  })
})

describe('what the reader may know', () => {
  test('names in namespaces they may not read are withheld, in text, HTML and subject', async () => {
    const secret = 'r.test/vault/keys:1'
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, {
      base: secret,
      to: sha('v2'),
      via: 'r.test/vault/mid:2',
      stillAt: ['r.test/vault/old:1'],
    })
    await gather()
    const mail = (await getMail(pg, (await mails())[0]!.id))!
    for (const part of [mail.subject, mail.text, mail.html]) expect(part).not.toContain('vault')
    expect(mail.text).toMatch(/^Base \(withheld/m)
    expect(mail.text).toContain(`* ${run}\n`)
    await addMember(pg.sql, 'vault', 'ada', { role: 'viewer' })
    await addOutdated(pg.sql, 'r.test/app/run:2', { base: secret, to: sha('v2') })
    await gather()
    expect((await mails())[0]!.text).toContain(`Base ${secret}`)
  })

  test('at an address of two, what both may know', async () => {
    await addMember(pg.sql, 'app', 'ada', { email: 'team@example.org' })
    await addMember(pg.sql, 'app', 'bob', { email: 'team@example.org' })
    await addMember(pg.sql, 'vault', 'bob', { role: 'viewer' })
    await addOutdated(pg.sql, run, { base: 'r.test/vault/keys:1', to: sha('v2') })
    await gather()
    expect((await mails()).map(({ text }) => text.includes('vault'))).toEqual([false])
  })
})

test('headers: a machine’s, of a list, with one click to end it; all mails of a cause are one thread', async () => {
  for (const name of ['ada', 'bob']) await addMember(pg.sql, 'app', name)
  await addOutdated(pg.sql, run, { base, to: sha('v2') })
  await gather()
  await addOutdated(pg.sql, 'r.test/app/run:2', { base, to: sha('v2') })
  await addOutdated(pg.sql, 'r.test/app/run:3', { base: 'r.test/lib/other:1', to: sha('o2') })
  await gather()
  await sendAll()
  const headers = smtp.received
    .filter(({ to }) => to.join() === 'ada@example.org')
    .map(({ mail }) => Object.fromEntries(mail.headers.map(({ key, value }) => [key, value])))
  expect(headers).toHaveLength(2)
  const [first, second] = headers.toSorted((a, b) => (a.references ?? '').length - (b.references ?? '').length) as [
    Record<string, string>,
    Record<string, string>,
  ]
  expect(first['in-reply-to']).toMatch(/^<cause\.[\w-]{32}@example\.org>$/)
  expect(first.references).toBe(first['in-reply-to'])
  expect(second.references!.split(/\s+/)).toHaveLength(2)
  expect(second.references).toContain(first['in-reply-to'])
  expect(second.references!.split(/\s+/).at(-1)).toBe(second['in-reply-to'])
  expect(first).toMatchObject({
    'auto-submitted': 'auto-generated',
    'list-id': 'Drydock <drydock.example.org>',
    'list-unsubscribe': expect.stringMatching(/^<http:\/\/drydock\.test:8080\/unsubscribe\/[\w.-]+>$/),
  })
  // plain HTTP to another machine: RFC 8058 wants https
  expect(first['list-unsubscribe-post']).toBeUndefined()
})

test('500 images that one base left behind are one mail to each person, of all of them', async () => {
  for (const name of ['ada', 'bob']) await addMember(pg.sql, 'app', name)
  const refs = Array.from({ length: 500 }, (_, n) => `r.test/app/run${n}:1`)
  for (const ref of refs) await addOutdated(pg.sql, ref, { base, to: sha('v2') })
  await gather()
  expect((await mails()).map(({ subject }) => subject)).toEqual(
    Array(2).fill(`500 tags are outdated: ${base} has moved`),
  )
  const mail = (await getMail(pg, (await mails())[0]!.id))!
  expect(mail.refs).toEqual(refs.toSorted())
  expect(mail.text).toContain('and 450 more')
  expect(mail.text.match(/outdated since/g)).toHaveLength(1)
})
