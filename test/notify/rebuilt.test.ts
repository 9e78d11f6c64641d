import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { type NotifySettings, putNotifySettings } from '../../src/notify/notify-settings.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { configFor, vault } from './config.ts'
import { addBuild, addMember, addOutdated, addTag, judge, nanoseconds, sha, wipe } from './flags.ts'

let pg: TestDatabase
let now: Date
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate notify_person, notify_namespace, origin, plan cascade`
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'public')`
  now = new Date('2026-11-21T03:00:00.000Z')
  await addMember(pg.sql, 'app', 'ada')
})
afterAll(() => pg.close())

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const root = `${base}@${sha('v2')}`
const deps = () => ({
  ...testDeps(pg),
  ...{ clock: () => now, vault, mailer: null, config: configFor(['r.test'], { smtpUrl: null }) },
})
const later = (seconds: number) => {
  now = new Date(now.getTime() + seconds * 1000)
}
const wants = (said: Partial<NotifySettings>) =>
  putNotifySettings(deps(), 'ada', {
    ...{ every: 'immediately', timeZone: 'UTC', hour: 8, rebuilt: false, failed: true, still: true, namespaces: {} },
    ...said,
  })
const gather = async () => {
  await notify(deps())
  later(300)
  await notify(deps())
}
const mails = async () => (await listMails(pg, { cursor: null, limit: 100 })).items
const subjects = async () => (await mails()).map(({ subject }) => subject).toReversed()
const told = `${run} is outdated: ${base} has moved`
const outdated = () => addOutdated(pg.sql, run, { base, from: sha('v1'), to: sha('v2') })

/** A build of `run` for the move, that failed and said this. */
async function failedBuild(log: string, at = now): Promise<string> {
  const id = await addBuild(pg.sql, run, root, sha('new'), at)
  await pg.sql`
    update build set state = 'failed', digest = null, error = '{"code":"docker-failed","message":"step 3 ended with 1","retryable":false}',
      reason = '{"kind":"base-moved"}' where id = ${id}`
  await pg.sql`insert into build_log (build_id, seq, at, text) values (${id}, 0, ${at}, ${log})`
  return id
}

describe('what was rebuilt', () => {
  const rebuild = async () => {
    const id = await addBuild(pg.sql, run, root, sha('new'), now)
    await addTag(pg.sql, run, { digest: sha('new'), at: nanoseconds(now) })
    await judge(pg.sql, run, [])
    return id
  }

  test('is told once, to who wants it', async () => {
    await wants({ rebuilt: true })
    await addMember(pg.sql, 'app', 'bob')
    await outdated()
    await gather()
    const id = await rebuild()
    await gather()
    await gather()
    expect((await subjects()).toSorted()).toEqual([told, told, `${run} was rebuilt on ${base}`])
    const [mail] = await mails()
    expect(mail).toMatchObject({ user: 'ada', text: expect.stringContaining(`/builds/${id}`) })
  })

  test('is held while the build that may have pushed it runs, and then told as ours', async () => {
    await wants({ rebuilt: true })
    await outdated()
    await gather()
    const id = await addBuild(pg.sql, run, root, null, now)
    await addTag(pg.sql, run, { digest: sha('new'), at: nanoseconds(now) })
    await judge(pg.sql, run, [])
    await gather()
    expect(await subjects()).toEqual([told])
    const [job] = await pg.sql`select run_at from graphile_worker._private_jobs where key = 'notify:later'`
    expect(job!.runAt).toEqual(new Date(now.getTime() + 2000))
    await pg.sql`update build set state = 'succeeded', digest = ${sha('new')}, finished_at = ${now} where id = ${id}`
    await gather()
    expect(await subjects()).toEqual([told, `${run} was rebuilt on ${base}`])
    expect((await mails())[0]!.text).not.toContain("somebody else's push")
  })

  test('and what failed: looked at again and again, they use up no ids', async () => {
    await wants({ rebuilt: true })
    await addOutdated(pg.sql, 'r.test/app/other:1', { base, to: sha('v2') })
    await outdated()
    await gather()
    await rebuild()
    const id = await failedBuild('no')
    await pg.sql`update build set ref = 'r.test/app/other:1' where id = ${id}`
    const next = async () => (await pg.sql`select last_value from notice_id_seq`)[0]!.lastValue
    await gather()
    const before = await next()
    for (let i = 0; i < 3; i++) await gather()
    expect(await next()).toBe(before)
    expect(await subjects()).toHaveLength(2)
  })

  test('is not told where the first mail said so already, nor where it is outdated again', async () => {
    await wants({ rebuilt: true })
    await outdated()
    await notify(deps())
    await rebuild()
    later(300)
    await notify(deps())
    await gather()
    expect(await subjects()).toEqual([`${run} was outdated: ${base} has moved`])
    await addOutdated(pg.sql, run, { base, to: sha('v3') })
    await gather()
    await rebuild()
    await notify(deps())
    await addOutdated(pg.sql, run, { base, to: sha('v4') })
    later(300)
    await notify(deps())
    expect((await subjects()).filter((subject) => subject.includes('rebuilt'))).toEqual([])
  })

  test('is not told of what went back: nobody pushed it', async () => {
    await wants({ rebuilt: true })
    await addTag(pg.sql, base, { digest: sha('v2') })
    await addTag(pg.sql, run, { digest: sha(run), at: nanoseconds(now) - 600_000_000_000n })
    await judge(pg.sql, run, [{ base, from: sha('v1'), to: sha('v2') }])
    await gather()
    await addTag(pg.sql, base, { digest: sha('v1') })
    await judge(pg.sql, run, [])
    await gather()
    expect(await subjects()).toEqual([told])
  })
})

test('more notices than an integer counts', async () => {
  await pg.sql`select setval('notice_id_seq', 3000000000)`
  for (const tag of [1, 2, 3]) await addOutdated(pg.sql, `r.test/app/run:${tag}`, { base, to: sha('v2') })
  await notify(deps())
  await pg.sql`update notice set content = content || '{"since": null}' where ref = 'r.test/app/run:2'`
  later(300)
  await notify(deps())
  expect(await subjects()).toEqual([`2 tags are outdated: ${base} has moved`])
  expect(await pg.sql`select ref from notice where error <> ''`).toEqual([{ ref: 'r.test/app/run:2' }])
})
