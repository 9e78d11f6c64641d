import { expect, test } from '@jest/globals'
import { tellStopped } from '../../src/notify/tell-stopped.ts'
import { testDeps } from '../support/deps.ts'
import { addBuild, addMember, addOutdated, sha } from './flags.ts'
import { base, keptMails, run } from './kept-mails.ts'

/** Why a build failed is told in words, with the end of its log, to those who look after the tag. */
const w = keptMails()
const { deps, gather } = w
const message = 'https://git.test/secret.git refuses us'
const sentence = 'its source could not be fetched'
async function failed(log: readonly string[], plan: string | null = null): Promise<void> {
  const id = await addBuild(w.pg.sql, run, `${base}@${sha('v2')}`, sha('new'), w.now())
  await w.pg.sql`
    update build set state = 'failed', digest = null, error = ${w.pg.sql.json({ code: 'git-auth', message, retryable: false })},
      reason = '{"kind":"base-moved"}', namespace_key = 'app', plan_id = ${plan} where id = ${id}`
  for (const [seq, text] of log.entries())
    await w.pg.sql`insert into build_log (build_id, seq, at, text) values (${id}, ${seq}, ${w.now()}, ${text})`
}
/** What each was mailed of the failure. */
async function told(): Promise<Record<string, string>> {
  const of = (await w.mails()).filter(({ subject }) => /could not be rebuilt|fail$/.test(subject))
  return Object.fromEntries(of.map(({ user, text }) => [user, text.replace(/\s+/g, ' ')]))
}

test('whoever looks after the tag is told all; an address of which one user may not build there, what kind of fault it was', async () => {
  await addMember(w.pg.sql, 'app', 'ada')
  await addMember(w.pg.sql, 'app', 'cid', { role: 'contributor' })
  await addMember(w.pg.sql, 'app', 'bob', { role: 'viewer' })
  await addMember(w.pg.sql, 'app', 'eve', { role: 'viewer', email: 'both@example.org' })
  await addMember(w.pg.sql, 'app', 'eva', { role: 'owner', email: 'both@example.org' })
  await w.pg.sql`update member set told = true`
  await addOutdated(w.pg.sql, run, { base, from: sha('v1'), to: sha('v2') })
  await gather()
  await failed(['fetching main of https://git.test/secret.git\n'])
  await gather()
  const mails = await told()
  expect(Object.keys(mails).toSorted()).toEqual(['ada', 'bob', 'cid', 'eva'])
  for (const user of ['ada', 'bob', 'cid']) {
    expect(mails[user]).toContain(message)
    expect(mails[user]).toContain('| fetching main of')
  }
  for (const user of ['eva']) {
    expect(mails[user]).toContain(sentence)
    expect(mails[user]).not.toMatch(/git\.test|fetching main/)
  }
})

test('nor is it told where one who has the address is told later, or not at all', async () => {
  await addMember(w.pg.sql, 'app', 'ada', { email: 'both@example.org' })
  await addMember(w.pg.sql, 'app', 'bob', { email: 'both@example.org', role: 'viewer' })
  await w.pg.sql`update member set told = true`
  await w.pg.sql`insert into notify_person (user_name, every) values ('bob', 'daily')`
  await addOutdated(w.pg.sql, run, { base, from: sha('v1'), to: sha('v2') })
  await gather()
  await failed(['fetching main of https://git.test/secret.git\n'])
  await gather()
  w.later(86_400)
  await gather()
  const mails = await told()
  expect(Object.keys(mails).toSorted()).toEqual(['ada', 'bob'])
  for (const mail of Object.values(mails)) {
    expect(mail).toContain(sentence)
    expect(mail).not.toMatch(/git\.test|fetching main/)
  }
})

test('the end of a log begins with no half of a name', async () => {
  await addMember(w.pg.sql, 'app', 'ada')
  await addMember(w.pg.sql, 'hush', 'eve')
  await addOutdated(w.pg.sql, run, { base, from: sha('v1'), to: sha('v2') })
  await gather()
  await failed(['from r.test/hu', 'sh/topsecret:1 to that\n', ...Array.from({ length: 7 }, (_, i) => `part ${i}\n`)])
  await gather()
  expect((await told()).ada).toContain('| to that | part 0')
  await failed([`from r.test/hush/topsecret:1 ${'x'.repeat(8000 - 'topsecret:1 '.length - 1)}\n`])
  await w.pg.sql`delete from notice where kind = 'failed'`
  await gather()
  expect(Object.values(await told()).join()).not.toContain('topsecret')
})

test('a plan that was stopped is told to people of its base, without words of builds that are not theirs', async () => {
  await addMember(w.pg.sql, 'lib', 'lou')
  await addMember(w.pg.sql, 'app', 'ada')
  await addMember(w.pg.sql, 'lib', 'ada')
  const [plan] = await w.pg.sql<{ id: string }[]>`
    insert into plan (root, base, from_digest, to_digest, state, cycles)
    values ('r', ${base}, ${sha('v1')}, ${sha('v2')}, 'stopped', '[]') returning id`
  await w.pg.sql`update namespace set visibility = 'public' where key = 'app'`
  await failed([], plan!.id)
  const d = { ...deps(), jobs: testDeps(w.pg).jobs }
  await w.pg.sql.begin((tx) => tellStopped(d, tx, { id: plan!.id, base, toDigest: sha('v2') }))
  const mails = await told()
  expect(mails.lou).toContain(`* ${run} ${sentence}`)
  expect(mails.lou).not.toContain('git.test')
  expect(mails.ada).toContain(`* ${run} ${message}`)
})
