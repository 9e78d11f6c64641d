/**
 * From stored verdicts to a stored plan: a base with 10,000 automatic recipes below it (2,000 children, 8,000 grandchildren) has moved;
 * beside COPY of the same rows of `plan` and `plan_node`. Then the same plan is approved and its first level queued. Then ten more bases
 * of every child have moved too: eleven plans of 10,000 nodes each are made by one decision.
 * Run: npm run bench:plan [-- RECIPES]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pino from 'pino'
import { makeVault } from '../src/build/vault.ts'
import { defaultBuildSettings } from '../src/build-settings.ts'
import type { Config } from '../src/config.ts'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect, type Sql } from '../src/db/postgres.ts'
import { makeJobs } from '../src/jobs/jobs.ts'
import { migrateJobs } from '../src/jobs/migrate-jobs.ts'
import { approvePlan } from '../src/plan/decide-plan.ts'
import { plan } from '../src/plan/make-plan.ts'
import { median, number, report } from './report.ts'

const host = 'localhost:5000'
const size = Number(process.argv[2] ?? 10_000)
const rounds = 3
/** Bases that move beside the first. */
const more = 10

/** Tag 1 is the base; one in five below it its child, the others children of those. As refresh would have left them. */
async function fill(sql: Sql): Promise<void> {
  const children = Math.ceil(size / 5)
  await sql`insert into registry (name) values (${host})`
  await sql`
    insert into repository (id, registry_id, name, namespace)
    select i, (select id from registry), 'ns' || i % 50 || '/app' || i, 'ns' || i % 50 from generate_series(1, ${size + 1}) i`
  await sql`
    create table made as select i as id, case when i = 1 then null when i <= ${children + 1} then 1 else 2 + i % ${children} end as base
    from generate_series(1, ${size + 1}) i`
  await sql`
    insert into manifest (digest, media_type, kind, platform, chain_ids, step_ids, solid_ids, release_id)
    select 'sha256:' || md5(id::text) || repeat('0', 32), 'application/vnd.oci.image.manifest.v1+json', 'image', 'linux/amd64', '{}', '{}', '{}', md5(id::text)::uuid from made`
  await sql`
    insert into tag (id, repository_id, name, ref, head_digest, head_at, status, judged_at, platforms)
    select id, id, '1', ${`${host}/ns`} || id % 50 || '/app' || id || ':1', 'sha256:' || md5(id::text) || repeat('0', 32), 1700000000000000000,
      case when id = 1 then 'current' else 'outdated' end::tag_status, '2026-01-01', case when base is null then '[]' else jsonb_build_array(
        jsonb_build_object('platform', 'linux/amd64', 'digest', 'd', 'status', 'outdated', 'bases', jsonb_build_array(jsonb_build_object(
          'ref', ${`${host}/ns`} || base % 50 || '/app' || base || ':1', 'digest', 'sha256:' || md5(base::text) || repeat('0', 32), 'role', 'runtime',
          'evidence', '["annotation"]'::jsonb, 'confidence', 'declared', 'pinned', false)))) end
    from made`
  await sql`insert into tag_span (tag_id, seq, digest, from_at, exact) select id, 0, head_digest, head_at, true from tag`
  await sql`
    insert into tag_base (tag_id, base) select made.id, base.ref from made join tag base on base.id = made.base`
  await sql`
    insert into cause (tag_id, base, role, to_digest, evidence, confidence, still_at, via, platforms, counted, since)
    select made.id, root.ref, 'runtime', root.head_digest, '{annotation}', 'declared', '{}', case when made.base > 1 then base.ref end,
      '{linux/amd64}', true, 1700000000000000000
    from made join tag base on base.id = made.base join tag root on root.id = 1`
  const spec = JSON.stringify({ strategy: 'rebase', auto: true })
  await sql`
    insert into recipe (ref, spec, auto, updated_at) select ref, ${spec}::text::jsonb, true, now() from tag where id > 1`
  await sql`
    insert into build (ref, key, state, reason, recipe, created_at, started_at, finished_at)
    select ref, 'k', 'succeeded', '{"kind":"manual"}', ${spec}::text::jsonb, '2026-01-01', '2026-01-01', '2026-01-01 00:00:40' from tag where id > 1`
  await sql`vacuum analyze`
}

/** So many more bases of each child, which have moved: every tag is outdated by each of them. */
async function addBases(sql: Sql): Promise<void> {
  await sql`
    insert into repository (id, registry_id, name, namespace)
    select ${size + 1} + i, (select id from registry), 'side/b' || i, 'side' from generate_series(1, ${more}) i`
  await sql`
    insert into tag (id, repository_id, name, ref, head_digest, head_at, status, judged_at, platforms)
    select ${size + 1} + i, ${size + 1} + i, '1', ${`${host}/side/b`} || i || ':1', 'sha256:' || md5('side ' || i) || repeat('0', 32),
      1700000000000000000, 'current', '2026-01-01', '[]' from generate_series(1, ${more}) i`
  await sql`
    insert into tag_span (tag_id, seq, digest, from_at, exact)
    select id, 0, head_digest, head_at, true from tag where id > ${size + 1}`
  await sql`insert into tag_base (tag_id, base) select made.id, side.ref from made, tag side where made.base = 1 and side.id > ${size + 1}`
  await sql`
    update tag set platforms = jsonb_set(platforms, '{0,bases}', platforms->0->'bases' || (
      select jsonb_agg(jsonb_build_object('ref', side.ref, 'digest', side.head_digest, 'role', 'runtime', 'evidence', '["annotation"]'::jsonb,
        'confidence', 'declared', 'pinned', false)) from tag side where side.id > ${size + 1}))
    from made where made.id = tag.id and made.base = 1`
  await sql`
    insert into cause (tag_id, base, role, to_digest, evidence, confidence, still_at, via, platforms, counted, since)
    select made.id, side.ref, 'runtime', side.head_digest, '{annotation}', 'declared', '{}', case when made.base > 1 then base.ref end,
      '{linux/amd64}', true, 1700000000000000000
    from made join tag base on base.id = made.base cross join tag side where side.id > ${size + 1}`
  await sql`vacuum analyze`
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

/** The rows that the planner has just written, written again by COPY. */
async function copySeconds(sql: Sql): Promise<number> {
  const tables = ['plan', 'plan_node'] as const
  const rows = await Promise.all(tables.map((table) => readAll(sql, table)))
  for (const table of tables) await sql.unsafe(`create table ${table}_copy (like ${table} including all)`)
  const seconds = await timed(() =>
    sql.begin(async (tx) => {
      for (const [i, table] of tables.entries())
        await pipeline(Readable.from(rows[i]!), await tx.unsafe(`copy ${table}_copy from stdin`).writable())
    }),
  )
  for (const table of tables) await sql.unsafe(`drop table ${table}_copy`)
  return seconds
}

async function readAll(sql: Sql, table: string): Promise<Buffer[]> {
  const parts: Buffer[] = []
  for await (const part of await sql.unsafe(`copy ${table} to stdout`).readable()) parts.push(part as Buffer)
  return parts
}

const folder = mkdtempSync(join(tmpdir(), 'drydock-bench-'))
const server = await startEmbedded(folder, { durable: false })
try {
  await migrate(server.url)
  await migrateJobs(server.url)
  const sql = connect(server.url, { max: 8 })
  await fill(sql)
  const config = { ...{ registries: [], settle: 0, observe: false, builder: 'rebase' }, ...defaultBuildSettings() }
  const d = {
    ...{ sql, jobs: makeJobs(), clock: () => new Date(), log: pino({ level: 'silent' }), mailer: null },
    vault: makeVault('of the bench'),
    config: config as unknown as Config,
  }
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    await sql`truncate plan, plan_node cascade`
    await sql`delete from build where state = 'queued'`
    await sql`
      insert into build (ref, key, state, reason, recipe, created_at, started_at, finished_at)
      select ref, 'k', 'succeeded', '{"kind":"manual"}', spec, '2026-01-01', '2026-01-01', '2026-01-01 00:00:40' from recipe
      where not exists (select from build where build.ref = recipe.ref)`
    ours.push(await timed(() => plan(d)))
    theirs.push(await copySeconds(sql))
  }
  const [made] = await sql<{ id: string; state: string; nodes: number }[]>`
    select id, state, (select count(*)::int from plan_node where plan_id = plan.id and level is not null) as nodes from plan`
  if (made?.nodes !== size) throw new Error(`${made?.nodes} tags are planned`)
  report({
    name: `plan: base moved → plan of ${size} recipes decided and stored`,
    ours: ['plan', median(ours), 's'],
    rival: ['COPY of the same rows', median(theirs), 's'],
    ratio: median(ours) / median(theirs),
    wanted: 'plan under 2 s for 10,000',
  })
  if (made.state === 'approval') await approvePlan(d, made.id, 'bench')
  const seconds = await timed(() => plan(d))
  const [{ count } = { count: 0n }] = await sql<{ count: bigint }[]>`select count(*) from build where state = 'queued'`
  console.log(
    `  approved: ${count} builds queued in ${number(seconds)} s; memory at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`,
  )
  await addBases(sql)
  const many: number[] = []
  for (let round = 0; round < rounds; round++) {
    await sql`truncate plan, plan_node cascade`
    await sql`delete from build where state = 'queued'`
    await sql`
      insert into build (ref, key, state, reason, recipe, created_at, started_at, finished_at)
      select ref, 'k', 'succeeded', '{"kind":"manual"}', spec, '2026-01-01', '2026-01-01', '2026-01-01 00:00:40' from recipe
      where not exists (select from build where build.ref = recipe.ref)`
    many.push(await timed(() => plan(d)))
  }
  const [all] = await sql<{ plans: number; nodes: number }[]>`
    select count(distinct plan_id)::int as plans, count(*) filter (where level is not null)::int as nodes from plan_node`
  if (all?.nodes !== size * (more + 1)) throw new Error(`${all?.nodes} tags are planned in ${all?.plans} plans`)
  report({
    name: `plan: ${more + 1} bases of every tag moved → ${more + 1} plans of ${size} recipes each`,
    ours: [`${more + 1} plans`, median(many), 's'],
    rival: ['one plan', median(ours), 's'],
    ratio: median(many) / median(ours),
    wanted: 'under 3 times the one',
  })
  await sql.end()
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
