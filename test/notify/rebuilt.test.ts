import { beforeEach, describe, expect, test } from '@jest/globals'
import { notify } from '../../src/notify/notify.ts'
import { addBuild, addMember, addOutdated, addTag, judge, nanoseconds, sha } from './flags.ts'
import { base, keptMails, root, run, told } from './kept-mails.ts'

const w = keptMails()
const { deps, failedBuild, gather, later, mails, outdated, subjects, wants } = w
beforeEach(() => addMember(w.pg.sql, 'app', 'ada'))

describe('what was rebuilt', () => {
  const rebuild = async () => {
    const id = await addBuild(w.pg.sql, run, root, sha('new'), w.now())
    await addTag(w.pg.sql, run, { digest: sha('new'), at: nanoseconds(w.now()) })
    await judge(w.pg.sql, run, [])
    return id
  }

  test('is told once, to who wants it', async () => {
    await wants({ rebuilt: true })
    await addMember(w.pg.sql, 'app', 'bob')
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
    const id = await addBuild(w.pg.sql, run, root, null, w.now())
    await addTag(w.pg.sql, run, { digest: sha('new'), at: nanoseconds(w.now()) })
    await judge(w.pg.sql, run, [])
    await gather()
    expect(await subjects()).toEqual([told])
    const [job] = await w.pg.sql`select run_at from graphile_worker._private_jobs where key = 'notify:later'`
    expect(job!.runAt).toEqual(new Date(w.now().getTime() + 2000))
    await w.pg
      .sql`update build set state = 'succeeded', digest = ${sha('new')}, finished_at = ${w.now()} where id = ${id}`
    await gather()
    expect(await subjects()).toEqual([told, `${run} was rebuilt on ${base}`])
    expect((await mails())[0]!.text).not.toContain("somebody else's push")
  })

  test('and what failed: looked at again and again, they use up no ids', async () => {
    await wants({ rebuilt: true })
    await addOutdated(w.pg.sql, 'r.test/app/other:1', { base, to: sha('v2') })
    await outdated()
    await gather()
    await rebuild()
    const id = await failedBuild('no')
    await w.pg.sql`update build set ref = 'r.test/app/other:1' where id = ${id}`
    const next = async () => (await w.pg.sql`select last_value from notice_id_seq`)[0]!.lastValue
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
    await addOutdated(w.pg.sql, run, { base, to: sha('v3') })
    await gather()
    await rebuild()
    await notify(deps())
    await addOutdated(w.pg.sql, run, { base, to: sha('v4') })
    later(300)
    await notify(deps())
    expect((await subjects()).filter((subject) => subject.includes('rebuilt'))).toEqual([])
  })

  test('is not told of what went back: nobody pushed it', async () => {
    await wants({ rebuilt: true })
    await addTag(w.pg.sql, base, { digest: sha('v2') })
    await addTag(w.pg.sql, run, { digest: sha(run), at: nanoseconds(w.now()) - 600_000_000_000n })
    await judge(w.pg.sql, run, [{ base, from: sha('v1'), to: sha('v2') }])
    await gather()
    await addTag(w.pg.sql, base, { digest: sha('v1') })
    await judge(w.pg.sql, run, [])
    await gather()
    expect(await subjects()).toEqual([told])
  })
})

test('more notices than an integer counts', async () => {
  await w.pg.sql`select setval('notice_id_seq', 3000000000)`
  for (const tag of [1, 2, 3]) await addOutdated(w.pg.sql, `r.test/app/run:${tag}`, { base, to: sha('v2') })
  await notify(deps())
  await w.pg.sql`update notice set content = content || '{"since": null}' where ref = 'r.test/app/run:2'`
  later(300)
  await notify(deps())
  expect(await subjects()).toEqual([`2 tags are outdated: ${base} has moved`])
  expect(await w.pg.sql`select ref from notice where error <> ''`).toEqual([{ ref: 'r.test/app/run:2' }])
})
