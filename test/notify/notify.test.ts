import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Config } from '../../src/config.ts'
import { makeMailer } from '../../src/notify/mailer.ts'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
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
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'public')`
  now = new Date('2026-11-21T03:00:00.000Z')
})
afterAll(() => pg.close())

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const deps = (more: Partial<Config> = {}) => {
  const config = configFor(['r.test'], more)
  return { ...testDeps(pg), clock: () => now, config, vault, mailer: makeMailer(config) }
}
const later = (seconds: number) => {
  now = new Date(now.getTime() + seconds * 1000)
}
const mails = async () => (await listMails(pg, { cursor: null, limit: 100 })).items
const jobs = () => pg.sql<{ key: string; runAt: Date; queue: string | null }[]>`
  select j.key, j.run_at, q.queue_name as queue from graphile_worker._private_jobs j
  left join graphile_worker._private_job_queues q on q.id = j.job_queue_id order by j.key`

describe('the window', () => {
  beforeEach(async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await notify(deps())
  })

  test('a notice waits for it, and a job for its end', async () => {
    expect(await mails()).toEqual([])
    expect(await jobs()).toEqual([{ key: 'notify:later', runAt: new Date(now.getTime() + 300_000), queue: 'notify' }])
  })

  test('at its end all that waits for a person is one mail', async () => {
    later(200)
    await addOutdated(pg.sql, 'r.test/app/more:1', { base, to: sha('v2') })
    await notify(deps())
    later(100)
    await notify(deps())
    const [mail, ...others] = await mails()
    expect(others).toEqual([])
    expect(mail).toMatchObject({
      user: 'ada',
      to: 'ada@example.org',
      state: 'pending',
      attempts: 0,
      createdAt: now,
      messageId: `<${mail!.id}@example.org>`,
      subject: `2 tags are outdated: ${base} has moved`,
    })
    expect((await getMail(pg, mail!.id))?.refs).toEqual(['r.test/app/more:1', run])
    expect((await jobs()).map(({ key }) => key)).toEqual([expect.stringMatching(/^mail:[0-3]$/), 'notify:later'])
  })

  test('run again, and many at once, it is still one mail', async () => {
    later(300)
    await Promise.all([notify(deps()), notify(deps()), notify(deps())])
    await notify(deps())
    expect(await mails()).toHaveLength(1)
  })

  test('a clock that is set back holds nothing up for longer than the window', async () => {
    later(-86_400)
    await notify(deps())
    expect(await mails()).toHaveLength(1)
  })

  test('a death before the commit leaves the notices waiting; the next run makes the mail', async () => {
    later(300)
    const dying = { ...deps().jobs, enqueue: () => Promise.reject(new Error('the process dies here')) }
    await expect(notify({ ...deps(), jobs: dying })).rejects.toThrow('dies here')
    expect(await mails()).toEqual([])
    await notify(deps())
    expect(await mails()).toHaveLength(1)
  })
})

describe('a mail', () => {
  const gathered = async (more: Partial<Config> = {}) => {
    await notify(deps(more))
    later(300)
    await notify(deps(more))
    return mails()
  }

  test.each([
    ['without SMTP_URL', { smtpUrl: null }],
    ['where Drydock only observes', { observe: true }],
  ])('%s is kept, and not sent', async (_what, more) => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    expect(await gathered(more)).toMatchObject([{ state: 'kept' }])
    expect((await jobs()).filter(({ key }) => key.startsWith('mail:'))).toEqual([])
  })

  test('without MAIL_FROM has its Message-ID from our own address', async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    const [mail] = await gathered({ smtpUrl: null, mailFrom: null })
    expect(mail!.messageId).toBe(`<${mail!.id}@drydock.test>`)
  })

  test('goes to each person by itself, about their namespaces alone', async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addMember(pg.sql, 'web', 'bob')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await addOutdated(pg.sql, 'r.test/web/site:1', { base, to: sha('v2') })
    const found = (await gathered()).toSorted((a, b) => (a.to < b.to ? -1 : 1))
    expect(found.map(({ to }) => to)).toEqual(['ada@example.org', 'bob@example.org'])
    expect(found.map(({ text }) => [text.includes(run), text.includes('r.test/web/site:1')])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  test('to two users with one address is one of what both may read', async () => {
    await addMember(pg.sql, 'app', 'ada', { email: 'team@example.org' })
    await addMember(pg.sql, 'web', 'ada', { role: 'viewer' })
    await addMember(pg.sql, 'app', 'bob', { email: 'Team@example.org' })
    await addMember(pg.sql, 'web', 'bob')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await addOutdated(pg.sql, 'r.test/web/site:1', { base, to: sha('v2') })
    const [mail, ...others] = await gathered()
    expect(others).toEqual([])
    expect(mail!.text.match(/^\* .*$/gm)).toEqual([`* ${run}`, '* r.test/web/site:1'])
  })

  test.each([
    ['disabled', () => pg.sql`update person set enabled = false`],
    ['no member any more', () => pg.sql`delete from member`],
    ['a viewer now', () => pg.sql`update member set role = 'viewer'`],
    ['without an address now', () => pg.sql`update person set email = null`],
  ])('is not written to somebody who is %s', async (_what, change) => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await notify(deps())
    await change()
    expect(await gathered()).toEqual([])
  })

  test('says what has become of each tag: outdated still, rebuilt, deleted', async () => {
    await addMember(pg.sql, 'app', 'ada')
    for (const tag of ['bare', 'gone', 'fixed'])
      await addOutdated(pg.sql, `r.test/app/${tag}:1`, { base, to: sha('v2') })
    await notify(deps())
    await addTag(pg.sql, 'r.test/app/fixed:1', { digest: sha('fixed'), at: nanoseconds(now) })
    await judge(pg.sql, 'r.test/app/fixed:1', [])
    await judge(pg.sql, 'r.test/app/gone:1', [])
    await addTag(pg.sql, 'r.test/app/gone:1', null)
    const [mail] = await gathered()
    const next = Object.fromEntries(
      mail!.text
        .split(/^\* /m)
        .slice(1)
        .map((entry) => [entry.split('\n')[0], /what next +(.*)/.exec(entry)?.[1]]),
    )
    expect(next).toEqual({
      'r.test/app/bare:1': expect.stringContaining('no recipe'),
      'r.test/app/gone:1': expect.stringContaining('has been deleted'),
      'r.test/app/fixed:1': expect.stringContaining('already rebuilt'),
    })
    expect(mail!.subject).toBe(`r.test/app/bare:1 is outdated: ${base} has moved`)
  })

  test('says what will be rebuilt', async () => {
    const spec = { strategy: 'rebase', auto: false, on: 'runtime' }
    await pg.sql`insert into recipe (ref, spec, auto, updated_at) values (${run}, ${JSON.stringify(spec)}::text::jsonb, false, now())`
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    const [mail] = await gathered()
    expect(mail!.text).toContain(`drydock build ${run}`)
  })
})

test('a cause held for a running build is looked at again soon', async () => {
  const child = 'r.test/app/child:1'
  await addMember(pg.sql, 'app', 'ada')
  await addTag(pg.sql, child, { digest: sha('c2'), at: nanoseconds(now) })
  await addOutdated(pg.sql, run, { base: child, to: sha('c2') })
  await addBuild(pg.sql, child, `${base}@${sha('v2')}`, null, now)
  await notify(deps())
  expect(await jobs()).toMatchObject([{ key: 'notify:later', runAt: new Date(now.getTime() + 2000) }])
})

test('whatever happens in whatever order, every notice is in one mail, and every mail tells something new', async () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constant('move'), tag: fc.integer({ min: 0, max: 3 }), to: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ kind: fc.constant('fix'), tag: fc.integer({ min: 0, max: 3 }), to: fc.constant(0) }),
    fc.record({ kind: fc.constant('join'), tag: fc.integer({ min: 0, max: 3 }), to: fc.integer({ min: 0, max: 1 }) }),
    fc.record({ kind: fc.constant('wait'), tag: fc.constant(0), to: fc.integer({ min: 0, max: 400 }) }),
    fc.record({ kind: fc.constant('notify'), tag: fc.constant(0), to: fc.integer({ min: 1, max: 3 }) }),
  )
  const refOf = (tag: number) => `r.test/ns${tag % 2}/run:${tag}`
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 15 }), async (acts) => {
      await wipe(pg.sql)
      for (let tag = 0; tag < 4; tag++) await addTag(pg.sql, refOf(tag), { digest: sha(`tag ${tag}`) })
      for (const { kind, tag, to } of acts) {
        if (kind === 'move') await judge(pg.sql, refOf(tag), [{ base, to: sha(`v${to}`) }])
        if (kind === 'fix') await judge(pg.sql, refOf(tag), [])
        if (kind === 'join') await addMember(pg.sql, `ns${to}`, `user${tag}`, { email: `user${tag % 3}@example.org` })
        if (kind === 'wait') later(to)
        if (kind === 'notify') await Promise.all(Array.from({ length: to }, () => notify(deps())))
      }
      await notify(deps())
      later(300)
      await notify(deps())
      const [odd] = await pg.sql<{ waiting: bigint; empty: bigint; strangers: bigint }[]>`
        select (select count(*) from notice where mail_id is null) as waiting,
          (select count(*) from mail m where not exists (select from notice n where n.mail_id = m.id)) as empty,
          (select count(*) from notice n join mail m on m.id = n.mail_id join person p on p.name = n.user_name where p.email <> m."to") as strangers`
      expect(odd).toEqual({ waiting: 0n, empty: 0n, strangers: 0n })
      for (const { id } of await mails()) {
        const mail = (await getMail(pg, id))!
        for (const ref of mail.refs) expect(mail.text).toContain(`* ${ref}\n`)
      }
    }),
    { numRuns: 15 },
  )
})
