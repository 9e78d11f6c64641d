import { defaultBuildSettings } from '../../src/build-settings.ts'
import type { Config } from '../../src/config.ts'
import type { Sql } from '../../src/db/postgres.ts'
import type { Deps } from '../../src/deps.ts'
import { vault } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import type { TestDatabase } from '../support/postgres.ts'

export const host = 'reg:5000'
export const ref = (name: string) => `${host}/${name}:1`
const ns = (date: Date) => BigInt(date.getTime()) * 1_000_000n

type Base = { name: string; role?: 'runtime' | 'build'; pinned?: boolean }
type CauseRow = {
  base: string
  to: string
  via?: string
  confidence?: 'declared' | 'inferred' | 'ambiguous'
  role?: 'runtime' | 'build'
}

/** Verdicts written down as refresh would have, without judging anything: what the planner reads. Names are without host and tag. */
export function storedVerdicts(sql: Sql, now: () => Date) {
  const tagId = async (name: string) => {
    await sql`insert into registry (name) values (${host}) on conflict do nothing`
    await sql`
      insert into repository (registry_id, name, namespace) select id, ${name}, split_part(${name}, '/', 1) from registry on conflict do nothing`
    const [row] = await sql<{ id: number }[]>`
      insert into tag (repository_id, name, ref) select id, '1', ${ref(name)} from repository where name = ${name}
      on conflict (ref) do update set name = excluded.name returning id`
    return row!.id
  }
  return {
    /** The tag is at this digest from now on. */
    async push(name: string, digest: string): Promise<void> {
      const id = await tagId(name)
      const at = ns(now())
      await sql`update tag set head_digest = ${digest}, head_at = ${at}, judged_at = ${now()} where id = ${id}`
      await sql`update tag_span set to_at = ${at} where tag_id = ${id} and to_at is null`
      await sql`
        insert into tag_span (tag_id, seq, digest, from_at, exact)
        select ${id}, count(*), ${digest}, ${at}, true from tag_span where tag_id = ${id}`
    },
    /** What the tag is based on and what it is outdated by, in place of what was stored. */
    async judge(name: string, bases: Base[], causes: CauseRow[] = [], on = ['linux/amd64']): Promise<void> {
      const id = await tagId(name)
      const rows = bases.map((base) => ({
        ref: ref(base.name),
        role: base.role ?? 'runtime',
        pinned: base.pinned ?? false,
        confidence: 'declared',
        digest: null,
      }))
      const platforms = JSON.stringify(on.map((platform) => ({ platform, bases: rows })))
      const status = causes.length > 0 ? 'outdated' : 'current'
      await sql`
        update tag set platforms = ${platforms}::text::jsonb, status = ${status}::tag_status, judged_at = ${now()} where id = ${id}`
      await sql`delete from cause where tag_id = ${id}`
      await sql`delete from tag_base where tag_id = ${id}`
      await sql`insert into tag_base (tag_id, base) select distinct ${id}::int, base from unnest(${bases.map((base) => ref(base.name))}::text[]) as base`
      for (const c of causes)
        await sql`
          insert into cause (tag_id, base, role, to_digest, evidence, confidence, still_at, via, platforms, counted, since)
          values (${id}, ${ref(c.base)}, ${c.role ?? 'runtime'}, ${c.to}, '{layers}', ${c.confidence ?? 'declared'}, '{}',
            ${c.via === undefined ? null : ref(c.via)}, '{linux/amd64}', true, ${ns(now())})`
    },
    async recipe(name: string, more: Record<string, unknown> = {}): Promise<void> {
      const spec = { auto: true, on: 'all', strategy: 'rebase', ...more }
      await sql`
        insert into recipe (ref, spec, auto, count_on, updated_at)
        values (${ref(name)}, ${JSON.stringify(spec)}::text::jsonb, ${spec.auto}, ${spec.on as 'all'}, ${now()})
        on conflict (ref) do update set spec = excluded.spec, auto = excluded.auto`
    },
    builds: (name?: string) => sql<BuildRow[]>`
      select id, ref, state, key, root, reason, error->>'code' as code from build
      where ${name === undefined} or ref = ${name === undefined ? '' : ref(name)} order by created_at, ref`,
    async run(name: string): Promise<void> {
      await sql`update build set state = 'running', started_at = ${now()} where ref = ${ref(name)} and state = 'queued'`
    },
    /** Ends the build that runs: it pushed `digest`, or failed. */
    async end(name: string, digest: string | null, code = 'build-failed', retryable = false): Promise<void> {
      const error = digest === null ? JSON.stringify({ code, message: code, retryable }) : null
      await sql`
        update build set state = ${digest === null ? 'failed' : 'succeeded'}, finished_at = ${now()}, digest = ${digest}, error = ${error}::text::jsonb
        where ref = ${ref(name)} and state = 'running'`
    },
    jobs: () => sql<{ task: string; key: string | null; runAt: Date; payload: { buildId?: string } }[]>`
      select t.identifier as task, j.key, j.run_at, j.payload from graphile_worker._private_jobs j
      join graphile_worker._private_tasks t on t.id = j.task_id order by j.id`,
    clear: async () => {
      await sql`truncate tag_span, cause, tag, repository, registry, declaration, dirty, recipe, build, plan, plan_node, pause, mail cascade`
      await sql`delete from graphile_worker._private_jobs`
    },
  }
}

type BuildRow = {
  id: string
  ref: string
  state: string
  key: string
  root: string | null
  reason: { kind: string; base: string; from: string | null; to: string; plan: string | null }
  code: string | null
}

/** The planner's own dependencies, with a clock that the test moves. */
export function planDeps(
  pg: TestDatabase,
  clock: () => Date,
  settle = 0,
): Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log' | 'mailer' | 'vault'> {
  const config = {
    registries: [{ name: host, url: `http://${host}` }],
    publicUrl: 'http://drydock.test',
    mailFrom: null,
    settle,
    observe: false,
    builder: 'rebase',
    ...defaultBuildSettings(),
  } as unknown as Config
  return { ...testDeps(pg), clock, config, vault, mailer: null }
}
