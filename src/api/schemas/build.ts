import { z } from 'zod'
import { buildersIn } from '../../access/builders-in.ts'
import type { Principal } from '../../access/principal.ts'
import { failureFor } from '../../build/failure-words.ts'
import type { Tx } from '../../db/postgres.ts'
import type { Deps } from '../../deps.ts'
import { Time } from './tag.ts'

const Failure = z.object({
  code: z.string(),
  message: z.string().describe('in full for who may build in the namespace; for others what the code says'),
  retryable: z.boolean().describe('the same build may well pass another time'),
})
type Failure = z.infer<typeof Failure>

export const Build = z
  .object({
    id: z.string(),
    ref: z.string(),
    state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
    builder: z.string().nullable(),
    reason: z.object({
      kind: z.enum(['base-moved', 'manual', 'git-push', 'schedule', 'retry']),
      base: z.string().nullable(),
      from: z.string().nullable(),
      to: z.string().nullable(),
      plan: z.string().nullable(),
    }),
    root: z
      .string()
      .nullable()
      .describe('the outside change it goes back to, as a plan says it: `base@digest`, `recipes@time`, `git@…`'),
    note: z.string().nullable(),
    plan: z.string().nullable().describe('the fan-out it belongs to'),
    automatic: z.boolean().describe('nobody asked for it: the service itself did'),
    createdAt: Time,
    startedAt: Time.nullable(),
    finishedAt: Time.nullable(),
    steps: z.array(
      z.object({ name: z.string(), startedAt: Time, finishedAt: Time.nullable(), error: Failure.nullable() }),
    ),
    commit: z.string().nullable(),
    digest: z.string().nullable().describe('head digest of what was pushed'),
    previous: z.string().nullable().describe('head digest of the tag just before, where it had one'),
    host: z
      .object({ name: z.string(), driver: z.string(), provisionSeconds: z.number() })
      .nullable()
      .describe('the machine it ran on; null for the builder’s own'),
    bases: z
      .array(z.object({ name: z.string().nullable(), digest: z.string(), role: z.string() }))
      .describe('every FROM as it was resolved'),
    error: Failure.nullable(),
  })
  .meta({ id: 'Build' })

type Shown = z.infer<typeof Build>

/** A row of `build` as postgres.js gives it; JSON columns as text, since the driver renames keys. */
export type BuildRow = {
  id: string
  ref: string
  state: Shown['state']
  builder: string | null
  reason: string
  root: string | null
  note: string | null
  plan: string | null
  automatic: boolean
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  steps: string
  commit: string | null
  digest: string | null
  previous: string | null
  host: string | null
  bases: string
  error: string | null
  namespaceKey: string | null
}

/** What a BuildRow is read from `build` with. */
export const buildColumns = (sql: Tx) => sql`
  id, ref, state, builder, reason::text as reason, root, note, plan_id as plan, automatic, created_at, started_at, finished_at,
  steps::text as steps, commit, digest, previous, host::text as host, bases::text as bases, error::text as error, namespace_key`

/** Builds as this principal may have them, in the order of their rows: why one failed, in words, is for who may build there. */
export async function showBuilds(
  d: Pick<Deps, 'sql' | 'config'>,
  principal: Principal,
  rows: readonly BuildRow[],
): Promise<Shown[]> {
  const mayBuild = await buildersIn(
    d,
    principal,
    rows.flatMap(({ namespaceKey }) => namespaceKey ?? []),
  )
  return rows.map((row) => showBuild(row, row.namespaceKey === null ? principal.admin : mayBuild(row.namespaceKey)))
}

function showBuild({ namespaceKey: _, ...row }: BuildRow, mayBuild: boolean): Shown {
  const reason = JSON.parse(row.reason) as Partial<Shown['reason']>
  const steps = JSON.parse(row.steps) as Shown['steps']
  const bases = JSON.parse(row.bases) as Shown['bases']
  return {
    ...row,
    reason: {
      kind: reason.kind ?? 'manual',
      base: reason.base ?? null,
      from: reason.from ?? null,
      to: reason.to ?? null,
      plan: reason.plan ?? null,
    },
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    steps: steps.map(({ name, startedAt, finishedAt, error }) => ({
      name,
      startedAt,
      finishedAt,
      error: failureOf(error, mayBuild),
    })),
    host: row.host === null ? null : (JSON.parse(row.host) as Shown['host']),
    bases: bases.map(({ name, digest, role }) => ({ name, digest, role })),
    error: failureOf(row.error === null ? null : (JSON.parse(row.error) as Failure), mayBuild),
  }
}

/** Failures of before are stored without `retryable`. */
const failureOf = (failure: Failure | null, mayBuild: boolean): Failure | null =>
  failure && failureFor({ ...failure, retryable: failure.retryable ?? false }, mayBuild)
