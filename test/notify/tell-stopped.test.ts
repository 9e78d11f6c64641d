import { beforeEach, expect, test } from '@jest/globals'
import { listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { putNotifySettings } from '../../src/notify/notify-settings.ts'
import { tellStopped } from '../../src/notify/tell-stopped.ts'
import { addBuild, addMember, addTag, judge, sha } from './flags.ts'
import { mailWorld } from './mail-world.ts'

/** That a plan was stopped is told to ada, who looks after a tag that failed; the mail waits when a test begins. */
const { pg, smtp, clock, deps, sendAll } = await mailWorld()
let plan: string

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const mails = async () => (await listMails(pg, { cursor: null, limit: 100 })).items.toReversed()
/** Some minutes go by, in which all that is to be done is done, more than once. */
async function aWhile(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await Promise.all([notify(deps()), notify(deps())])
    await sendAll()
    clock.now = new Date(clock.now.getTime() + 60_000)
  }
}
const arrived = () => smtp.received.map(({ to, mail }) => `${to.join()} ${mail.subject}`)

beforeEach(async () => {
  await pg.sql`truncate plan cascade`
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'public')`
  await addMember(pg.sql, 'app', 'ada')
  await addTag(pg.sql, run, { digest: sha('run') })
  const [made] = await pg.sql<{ id: string }[]>`
    insert into plan (root, base, to_digest, state, cycles, ended_at) values ('r', ${base}, ${sha('v2')}, 'stopped', '[]', ${clock.now}) returning id`
  plan = made!.id
  await pg.sql`insert into plan_node (plan_id, ref, level) values (${plan}, ${run}, 1)`
  const build = await addBuild(pg.sql, run, `${base}@${sha('v2')}`, sha('new'), clock.now)
  await pg.sql`update build set state = 'failed', digest = null, error = '{"message":"boom"}', plan_id = ${plan} where id = ${build}`
  await pg.sql.begin((tx) => tellStopped(deps(), tx, { id: plan, base, toDigest: sha('v2') }))
  expect(await mails()).toMatchObject([{ to: 'ada@example.org', state: 'pending' }])
})

test('what its reader may not read any more is withheld in another', async () => {
  await pg.sql`update namespace set visibility = 'private' where key = 'lib'`
  await sendAll()
  expect(arrived()).toEqual([])
  await aWhile()
  expect(smtp.received.map(({ to }) => to)).toEqual([['ada@example.org']])
  const { subject, text } = smtp.received[0]!.mail
  expect(`${subject} ${text}`).not.toContain(base)
  expect(text).toContain(`drydock approve ${plan}`)
})

test('who was disabled is told when they are back, and nothing is written meanwhile', async () => {
  await pg.sql`update person set enabled = false`
  await sendAll()
  await aWhile()
  expect(await mails()).toMatchObject([{ state: 'failed', error: expect.stringContaining('is disabled') }])
  await pg.sql`update person set enabled = true`
  await aWhile()
  expect(arrived()).toEqual([`ada@example.org Stopped: rebuilds on ${base} fail`])
})

test('who wants none of it is not written to, again and again', async () => {
  await pg.sql`insert into notify_person (user_name, every) values ('ada', 'off')`
  await sendAll()
  await aWhile()
  expect((await mails()).map(({ state }) => state)).toEqual(['failed'])
  expect(arrived()).toEqual([])
})

test('another address is written to, once', async () => {
  await pg.sql`update person set email = 'ada2@example.org'`
  await sendAll()
  await aWhile()
  expect(arrived()).toEqual([`ada2@example.org Stopped: rebuilds on ${base} fail`])
})

test('an address that was given up: when it may be tried again', async () => {
  smtp.refuse.set('ada@example.org', 550)
  for (let tries = 0; (await mails())[0]!.state === 'pending'; tries++) {
    expect(tries).toBeLessThan(10)
    await sendAll()
    clock.now = (await mails())[0]!.nextTryAt ?? clock.now
  }
  await aWhile()
  expect(await mails()).toHaveLength(1)
  smtp.refuse.clear()
  clock.now = new Date(clock.now.getTime() + 86_400_000)
  await aWhile()
  expect(arrived()).toEqual([`ada@example.org Stopped: rebuilds on ${base} fail`])
})

test('of a plan that goes on nothing more is told', async () => {
  await pg.sql`update person set enabled = false`
  await sendAll()
  await pg.sql`update plan set state = 'open'`
  await pg.sql`update person set enabled = true`
  await aWhile()
  expect(arrived()).toEqual([])
  expect(await mails()).toMatchObject([
    { error: 'not sent: ada is disabled; not written again: the plan is not stopped any more' },
  ])
})

test('it is in the thread of its cause, as what is told of that', async () => {
  const root = `${base}@${sha('v2')}`
  await pg.sql`update plan set root = ${root}, state = 'stopped' where id = ${plan}`
  await pg.sql`delete from mail`
  await pg.sql.begin((tx) => tellStopped(deps(), tx, { id: plan, base, toDigest: sha('v2') }))
  await judge(pg.sql, run, [{ base, from: sha('v1'), to: sha('v2') }])
  for (let i = 0; i < 3; i++) await aWhile()
  const answered = Object.fromEntries(smtp.received.map(({ mail }) => [mail.subject, mail.inReplyTo]))
  expect(Object.keys(answered)).toHaveLength(2)
  expect(answered[`Stopped: rebuilds on ${base} fail`]).toMatch(/^<cause\./)
  expect(new Set(Object.values(answered)).size).toBe(1)
  const [stopped] = smtp.received.filter(({ mail }) => mail.subject?.startsWith('Stopped'))
  expect(stopped!.mail.references!.split(/\s+/)).toEqual([`<plan.${plan}@example.org>`, stopped!.mail.inReplyTo])
})

test('it comes at once, whatever its reader chose for the rest', async () => {
  await pg.sql`delete from mail`
  const rest = { timeZone: 'UTC', hour: 8, rebuilt: false, failed: false, still: false, namespaces: {} }
  await putNotifySettings(deps(), 'ada', { every: 'weekly', ...rest })
  await pg.sql.begin((tx) => tellStopped(deps(), tx, { id: plan, base, toDigest: sha('v2') }))
  await sendAll()
  expect(smtp.received.map(({ to }) => to)).toEqual([['ada@example.org']])
})
