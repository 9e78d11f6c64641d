import { expect, test } from '@jest/globals'
import { addMember, addOutdated, sha } from './flags.ts'
import { base, keptMails, run } from './kept-mails.ts'

/** A plan waits that builds in app and in team: `drydock approve` is for who may build in both. */
const w = keptMails()
const other = 'r.test/team/run:1'

async function waits(): Promise<string> {
  const [plan] = await w.pg.sql<{ id: string }[]>`
    insert into plan (root, base, to_digest, state, cycles) values (${`${base}@${sha('v2')}`}, ${base}, ${sha('v2')}, 'approval', '[]') returning id`
  for (const ref of [run, other]) {
    const spec = JSON.stringify({ strategy: 'rebase', auto: true, on: 'runtime' })
    await w.pg.sql`insert into recipe (ref, spec, auto, updated_at) values (${ref}, ${spec}::text::jsonb, true, now())`
    await w.pg.sql`insert into plan_node (plan_id, ref, level) values (${plan!.id}, ${ref}, 1)`
  }
  await addOutdated(w.pg.sql, run, { base, from: sha('v1'), to: sha('v2') })
  return plan!.id
}
/** Of the mail to each user: the lines of commands, and the id where it stands alone. */
const told = async (plan: string) =>
  Object.fromEntries(
    (await w.mails()).map(({ user, text }) => [user, text.match(new RegExp(`^  (drydock .*|${plan})$`, 'gm'))]),
  )

test('who may build in all namespaces of a plan is told how to approve it; others who may', async () => {
  for (const [name, role, namespace] of [
    ['ada', 'contributor', 'app'],
    ['ada', 'owner', 'team'],
    ['bob', 'contributor', 'app'],
    ['cid', 'owner', 'app'],
    ['cid', 'viewer', 'team'],
    ['eve', 'owner', 'app'],
  ] as const)
    await addMember(w.pg.sql, namespace, name, { role })
  await w.pg.sql`update person set admin = true where name = 'eve'`
  // by a rule alone: he may read nothing of it, and the base is nobody's
  await w.pg.sql`update namespace set visibility = 'private' where key = 'lib'`
  await w.pg.sql`insert into person (name, email) values ('rob', 'rob@example.org')`
  await w.pg.sql`insert into owner_rule values ('file', 1, 'r.test', 'app/*', '^app/', '{rob}')`
  const plan = await waits()
  await w.gather()
  const [look, approve] = [`  drydock plans ${plan}`, `  drydock approve ${plan}`]
  expect(await told(plan)).toEqual({
    ...{ ada: [look, approve], eve: [look, approve] },
    ...{ bob: [look], cid: [look], rob: [`  ${plan}`] },
  })
})

test('at one address: how to approve it, if all may who are told', async () => {
  const both = { email: 'both@example.org' }
  for (const name of ['ada', 'bob']) await addMember(w.pg.sql, 'app', name, both)
  await addMember(w.pg.sql, 'team', 'ada')
  const plan = await waits()
  await w.gather()
  expect(Object.values(await told(plan))).toEqual([[`  drydock plans ${plan}`]])
})
