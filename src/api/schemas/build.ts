import { z } from 'zod'
import { Time } from './tag.ts'

const Failure = z.object({ code: z.string(), message: z.string() })

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
    root: z.string().nullable().describe('the outside change it goes back to: `base@digest`'),
    note: z.string().nullable(),
    createdAt: Time,
    startedAt: Time.nullable(),
    finishedAt: Time.nullable(),
    steps: z.array(
      z.object({ name: z.string(), startedAt: Time, finishedAt: Time.nullable(), error: Failure.nullable() }),
    ),
    commit: z.string().nullable(),
    digest: z.string().nullable().describe('head digest of what was pushed'),
    bases: z
      .array(z.object({ name: z.string().nullable(), digest: z.string(), role: z.string() }))
      .describe('every FROM as it was resolved'),
    error: Failure.nullable(),
  })
  .meta({ id: 'Build' })

/** A row of `build` as postgres.js gives it; JSON columns as text, since the driver renames keys. */
export type BuildRow = {
  id: string
  ref: string
  state: z.infer<typeof Build>['state']
  builder: string | null
  reason: string
  root: string | null
  note: string | null
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  steps: string
  commit: string | null
  digest: string | null
  bases: string
  error: string | null
}

export function showBuild(row: BuildRow): z.infer<typeof Build> {
  const reason = JSON.parse(row.reason) as Partial<z.infer<typeof Build>['reason']>
  const steps = JSON.parse(row.steps) as z.infer<typeof Build>['steps']
  const bases = JSON.parse(row.bases) as z.infer<typeof Build>['bases']
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
    steps: steps.map(({ name, startedAt, finishedAt, error }) => ({ name, startedAt, finishedAt, error })),
    bases: bases.map(({ name, digest, role }) => ({ name, digest, role })),
    error: row.error === null ? null : (JSON.parse(row.error) as z.infer<typeof Build>['error']),
  }
}
