import { z } from 'zod'
import { admin } from '../access-of.ts'
import { decodeCursor, oneText, page, pageOf, pageQuery } from '../page.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const Watch = z
  .object({
    ref: z.string(),
    askedAt: Time.nullable(),
    nextAt: Time.describe('when it is due; a registry that wants to be left alone is asked later'),
    error: z.string().nullable().describe('code and message of the last asking, where it failed'),
    pausedUntil: Time.nullable().describe('its registry asked to be left alone until then'),
  })
  .meta({ id: 'Watch' })

type Row = { ref: string; askedAt: Date | null; nextAt: Date; error: string | null; pausedUntil: Date | null }

export const watchRoutes = [
  route({
    method: 'get',
    path: '/watches',
    access: admin,
    summary: 'Bases on registries that send nothing, by name: when they are asked for, and why that failed',
    query: z.object({ ...pageQuery, host: z.string().optional().describe('the registry, by its name or an alias') }),
    responses: { 200: pageOf(Watch) },
    async handle(d, { query }) {
      const host = query.host === undefined ? null : d.registries.canonicalHost(query.host)
      const after = decodeCursor(query.cursor, oneText)?.[0] ?? ''
      const rows = await d.sql<Row[]>`
        select watch.ref, asked_at, next_at, error, case when paused_until > ${d.clock()} then paused_until end as paused_until
        from watch left join registry on registry.name = watch.host
        where watch.ref > ${after} and (${host}::text is null or watch.host = ${host}) order by watch.ref limit ${query.limit + 1}`
      const show = (row: Row) => ({
        ref: row.ref,
        askedAt: row.askedAt && showDate(row.askedAt),
        nextAt: showDate(row.nextAt),
        error: row.error,
        pausedUntil: row.pausedUntil && showDate(row.pausedUntil),
      })
      return { status: 200, body: page(rows, query.limit, (row) => [row.ref], show) }
    },
  }),
]
