import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { followGone } from '../../src/people/follow-gone.ts'
import { lockPeople, mergePeople } from '../../src/people/merge-people.ts'
import { curate } from '../../src/policy/curate.ts'
import { dueTags } from '../../src/scanner/due-looks.ts'
import { noteShown } from '../../src/scanner/note-shown.ts'
import { queuePortus } from '../../src/scanner/who-asks.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { storeSmallWorld } from '../api/small-world.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { markDirty } from '../support/store-estate.ts'

/** app/run:1, app/tool:1 and app/leaf:1 are outdated. What is due was found out, and Portus answered so. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
})
beforeEach(async () => {
  await pg.sql`truncate portus_look, portus_mark, portus_sweep`
  await noteShown(deps(), never)
  await pg.sql`update portus_look set answered = wanted, answered_at = now(), next_at = now() + interval '1 day'`
})
afterAll(() => pg.close())

const never = new AbortController().signal
const account = { url: 'http://portus.test', caFile: null, insecure: false, username: 'boss', token: 't0ken' }
const deps = () => ({ ...testDeps(pg), config: configFor(['reg:5000'], { scanner: true, portus: account }) })
const due = async () => {
  await noteShown(deps(), never)
  return (await dueTags(deps(), 100)).map(({ repository, shown }) => [repository, shown !== '']).sort()
}

test('what a refresh finds is found out of the tags it judged, and of no others', async () => {
  expect(await due()).toEqual([])
  await pg.sql`update cause set to_digest = 'sha256:wrong'`
  await markDirty(pg.sql, [{ kind: 'tag', key: 'reg:5000/app/tool:1' }])
  await pg.sql`update portus_look set wanted = 'x', answered = 'x' where ref = 'reg:5000/app/tool:1'`
  await refresh(testDeps(pg))
  expect(await due()).toEqual([['app/tool', true]])
  await pg.sql`update cause set to_digest = (select head_digest from tag where ref = 'reg:5000/lib/base:1')`
})

test('tags that a policy makes matter no more show nothing, and show it again without it', async () => {
  await pg.sql`
    insert into tag_policy (scope, include, exclude, immutable, ignore_immutable, updated_at)
    values ('reg:5000/app/run', '{}', '{1}', '{}', false, now())`
  await curate(deps(), 'reg:5000/app/run')
  expect(await due()).toEqual([['app/run', false]])
  await pg.sql`delete from tag_policy`
  await curate(deps(), 'reg:5000/app/run')
  expect(await due()).toEqual([])
})

test('a namespace that others may read now is named by all that are based on it', async () => {
  const say = (visibility: string | null) =>
    pg.sql.begin(async (tx) => {
      await lockPeople(tx)
      await tx`delete from namespace_said`
      if (visibility !== null)
        await tx`insert into namespace_said (source, key, visibility) values ('local', 'lib', ${visibility}::visibility)`
      await mergePeople(tx, { people: [], namespaces: ['lib'], members: [] })
    })
  await say('public')
  expect(await due()).toEqual([
    ['app/leaf', true],
    ['app/run', true],
    ['app/tool', true],
  ])
  await say('public')
  expect(await pg.sql`select from portus_mark`).toHaveLength(0)
})

test('of a registry that is configured no more nothing is asked for, and as before when it is back', async () => {
  await pg.sql`update portus_look set next_at = now()`
  expect(await due()).toHaveLength(3)
  await pg.sql.begin((tx) => followGone(tx, ['other:5000']))
  expect(await due()).toEqual([])
  await pg.sql.begin((tx) => followGone(tx, ['reg:5000']))
  await noteShown(deps(), never)
  expect(await pg.sql`select from portus_look where answered = wanted and wanted <> ''`).toHaveLength(3)
})

test('nothing is marked where no Portus is asked', async () => {
  await queuePortus({ ...deps(), config: configFor(['reg:5000'], { scanner: true }) })
  await markDirty(pg.sql, [{ kind: 'tag', key: 'reg:5000/app/tool:1' }])
  await refresh(testDeps(pg))
  expect(await pg.sql`select from portus_mark`).toHaveLength(0)
})
