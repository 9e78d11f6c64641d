import { z } from 'zod'
import { admin } from '../access-of.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDateOrNull } from '../show-tag.ts'

const Registry = z
  .object({
    name: z.string().describe('its host in references'),
    outside: z.boolean().describe('it sends nothing: only bases that are named are known of it'),
    reconciledAt: Time.nullable().describe('end of the last whole comparison'),
    historySince: Time.nullable().describe(
      'end of the first one: before it, only what events told is known; null: there was none',
    ),
    error: z.string().nullable().describe('why the last comparison was not whole'),
    pass: z
      .object({ startedAt: Time, compared: z.number().int(), differed: z.number().int() })
      .nullable()
      .describe('a comparison under way, or interrupted; tags'),
    pausedUntil: Time.nullable().describe('outside: it is not asked before then, because it said so'),
  })
  .meta({ id: 'Registry' })

type Row = {
  name: string
  outside: boolean
  reconciledAt: Date | null
  importedAt: Date | null
  reconcileError: string | null
  passStartedAt: Date | null
  passCompared: number
  passDiffered: number
  pausedUntil: Date | null
}

export const registryRoutes = [
  route({
    method: 'get',
    path: '/registries',
    access: admin,
    summary:
      'Registries: when they were compared, how far a comparison has come, and since when their history is known',
    responses: { 200: z.object({ items: z.array(Registry), next: z.null() }) },
    async handle(d) {
      const rows = await d.sql<Row[]>`
        select name, outside, reconciled_at, imported_at, reconcile_error, pass_started_at, pass_compared, pass_differed, paused_until
        from registry order by outside, name`
      const items = rows.map((r) => ({
        name: r.name,
        outside: r.outside,
        reconciledAt: showDateOrNull(r.reconciledAt),
        historySince: showDateOrNull(r.importedAt),
        error: r.reconcileError,
        pass: r.passStartedAt && {
          startedAt: r.passStartedAt.toISOString(),
          compared: r.passCompared,
          differed: r.passDiffered,
        },
        pausedUntil: showDateOrNull(r.pausedUntil),
      }))
      return { status: 200, body: { items, next: null } }
    },
  }),
]
