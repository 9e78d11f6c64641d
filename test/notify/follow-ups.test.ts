import { beforeEach, describe, expect, test } from '@jest/globals'
import { getMail } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { addMember, judge, sha } from './flags.ts'
import { base, keptMails, root, run, told } from './kept-mails.ts'

const w = keptMails()
const { deps, failedBuild, gather, later, mails, outdated, subjects, wants } = w
const days = (count: number) => later(count * 86_400)
beforeEach(() => addMember(w.pg.sql, 'app', 'ada'))

describe('a rebuild that failed', () => {
  test('is told once, with the last lines of its log made safe, in the thread of its cause', async () => {
    await outdated()
    await gather()
    const lines = Array.from({ length: 40 }, (_, n) => `line ${n}`).join('\n')
    const id = await failedBuild(`${lines}\nweird \u202eright to left\u200b <b>bold</b>\t${'x'.repeat(500)}\n\n`)
    await gather()
    await gather()
    expect(await subjects()).toEqual([told, `${run} could not be rebuilt`])
    const [mail] = await mails()
    const { html } = (await getMail(w.pg, mail!.id))!
    expect(mail!.text).toContain('what failed    step 3 ended with 1')
    expect(mail!.text.match(/^ {2}\| line \d+$/gm)).toEqual(Array.from({ length: 11 }, (_, n) => `  | line ${n + 29}`))
    expect(mail!.text).toContain('  | weird right to left <b>bold</b>')
    expect(mail!.text).not.toMatch(/[\u202e\u200b]|x{200}/)
    expect(html).toContain('&lt;b&gt;bold&lt;/b&gt;')
    expect(mail!.text).toContain(`/builds/${id}`)
    const threads = await w.pg.sql<{ references: string[] }[]>`select "references" from mail`
    expect(threads[1]!.references).toEqual(threads[0]!.references)
  })

  test('is not told to who wants none of it, nor one that somebody asked for', async () => {
    await outdated()
    await gather()
    const id = await failedBuild('no')
    await wants({ failed: false })
    await gather()
    await wants({ failed: true })
    await w.pg.sql`update build set reason = '{"kind":"manual"}' where id = ${id}`
    await gather()
    expect(await subjects()).toEqual([told])
  })
})

describe('what is outdated still', () => {
  const still = `${run} is still outdated: ${base}`

  test('is told after seven days and then weekly, all of it at once, until it is over', async () => {
    await outdated()
    await gather()
    days(6)
    await gather()
    expect(await subjects()).toEqual([told])
    days(1)
    await gather()
    await gather()
    expect(await subjects()).toEqual([told, still])
    expect((await mails())[0]!.text).toMatch(/outdated since 2026-11-21 02:58:01 UTC \(linux\/amd64\), for\s+7 days/)
    days(6)
    await gather()
    expect(await subjects()).toHaveLength(2)
    days(1)
    await gather()
    expect(await subjects()).toEqual([told, still, still])
    await judge(w.pg.sql, run, [])
    days(30)
    await gather()
    expect(await subjects()).toHaveLength(3)
  })

  test('is raised for who hears of it, by role or rule, and for nobody else', async () => {
    await outdated()
    await gather()
    const reminders = async () => (await w.pg.sql`select from notice where kind = 'still'`).length
    await w.pg.sql`delete from member`
    for (let week = 0; week < 3; week++) {
      days(8)
      await gather()
    }
    expect([await reminders(), await subjects()]).toEqual([0, [told]])
    await w.pg.sql`
      insert into owner_rule (source, position, registry, pattern, regex, users) values ('f', 0, 'r.test', 'app/', '^app/', '{ada}')`
    await gather()
    expect([await reminders(), (await subjects()).length]).toEqual([1, 2])
  })

  test('is taken back where it is over before the mail is written', async () => {
    await outdated()
    await gather()
    days(8)
    await notify(deps())
    await judge(w.pg.sql, run, [])
    later(300)
    await notify(deps())
    expect(await subjects()).toEqual([told])
  })

  test.each([
    ['a year ahead', 365],
    ['years back', -1000],
  ])('a clock that was %s for a while: one mail more, and no flood', async (_what, jump) => {
    await outdated()
    await gather()
    days(jump)
    await gather()
    await gather()
    days(-jump)
    for (let i = 0; i < 5; i++) await gather()
    const count = (await subjects()).filter((subject) => subject === still).length
    expect(count).toBeGreaterThanOrEqual(1)
    expect(count).toBeLessThanOrEqual(2)
    expect(await w.pg.sql`select 1 from notice where mail_id is null`).toHaveLength(0)
  })
})

describe('what happens next', () => {
  const text = async () => (await mails())[0]!.text.replace(/\s+/g, ' ')

  test('the place in the plan', async () => {
    const spec = { strategy: 'rebase', auto: true, on: 'runtime' }
    await w.pg
      .sql`insert into recipe (ref, spec, auto, updated_at) values (${run}, ${JSON.stringify(spec)}::text::jsonb, true, now())`
    await outdated()
    const [plan] = await w.pg.sql<{ id: string }[]>`
      insert into plan (root, base, to_digest, state) values (${root}, ${base}, ${sha('v2')}, 'approval') returning id`
    for (const [ref, level] of [
      ['r.test/app/a:1', 1],
      ['r.test/app/z:1', 1],
      [run, 2],
    ] as const)
      await w.pg.sql`insert into plan_node (plan_id, ref, level) values (${plan!.id}, ${ref}, ${level})`
    await gather()
    expect(await text()).toContain('; place 3 of 3 in the plan, in wave 2 of 2')
    expect(await text()).toContain(`drydock plans ${plan!.id} drydock approve ${plan!.id}`)
  })

  test('the line of the Dockerfile that pins it', async () => {
    const spec = {
      strategy: 'dockerfile',
      git: { url: 'https://git.test/app', ref: 'main' },
      dockerfile: 'docker/Dockerfile',
    }
    const reading = { digest: sha(run), commit: 'c'.repeat(40), pins: [{ line: 7, name: 'r.test/lib/base@sha256:1' }] }
    await w.pg.sql`
      insert into recipe (ref, spec, auto, reading, updated_at)
      values (${run}, ${JSON.stringify(spec)}::text::jsonb, true, ${JSON.stringify(reading)}::text::jsonb, now())`
    await outdated()
    await w.pg.sql`update cause set pinned = true`
    await gather()
    expect(await text()).toContain(
      `line 7 of docker/Dockerfile in https://git.test/app#cccccccccccc names a digest, so a rebuild cannot help: let it name ${base}`,
    )
  })

  test('the recipe that is proposed', async () => {
    await outdated()
    const digest = sha(run)
    await w.pg
      .sql`insert into tag_span (tag_id, seq, digest, from_at, exact) select id, 0, head_digest, 1, true from tag where ref = ${run}`
    await w.pg.sql`
      insert into manifest (digest, media_type, kind, platform, chain_ids, step_ids, solid_ids)
      values (${digest}, 'application/vnd.oci.image.manifest.v1+json', 'image', 'linux/amd64', '{}', '{}', '{}')`
    await w.pg.sql`
      insert into origin (subject, evidence, source, url, revision, dockerfile, context)
      values (${digest}, 'provenance', 'sha256:p', 'https://git.test/app', 'main', 'Dockerfile', '.')`
    await gather()
    expect(await text()).toContain('a recipe is proposed from Dockerfile of https://git.test/app')
    expect(await text()).toContain(`drydock recipe propose ${run} --accept`)
  })
})
