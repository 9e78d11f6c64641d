import { z } from 'zod'
import { replay } from '../../inbox/replay.ts'
import { admin } from '../access-of.ts'
import { lookUp } from '../look-up-details.ts'
import { IdParams } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery, timeAndId } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate, showDateOrNull, showInstant } from '../show-tag.ts'

const Outcome = z.enum(['pending', 'handled', 'ignored', 'failed'])

const Event = z
  .object({
    id: z.string(),
    registry: z.string(),
    eventId: z.string(),
    action: z.string(),
    repository: z.string(),
    tag: z.string().nullable(),
    digest: z.string().nullable(),
    mediaType: z.string().nullable(),
    at: Time.describe('registry time'),
    receivedAt: Time,
    outcome: Outcome,
    reason: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    attempts: z.int(),
    nextTryAt: Time.nullable(),
    handledAt: Time.nullable(),
  })
  .meta({ id: 'Event' })

type Row = Omit<z.infer<typeof Event>, 'at' | 'receivedAt' | 'nextTryAt' | 'handledAt'> & {
  at: bigint
  receivedAt: Date
  nextTryAt: Date | null
  handledAt: Date | null
}

export const eventRoutes = [
  route({
    method: 'get',
    path: '/events',
    access: admin,
    summary: 'Webhook events that mattered or were ignored, and why; newest first',
    query: z.object({ ...pageQuery, outcome: Outcome.optional() }),
    responses: { 200: pageOf(Event) },
    async handle(d, { query }) {
      const after = decodeCursor(query.cursor, timeAndId)
      const rows = await d.sql<Row[]>`
        select e.id, g.name as registry, e.event_id, e.action, e.repository, e.tag, e.digest, e.media_type, e.at, e.received_at,
          e.outcome, e.reason, e.error, e.attempts, e.next_try_at, e.handled_at
        from event e join registry g on g.id = e.registry_id
        where (${query.outcome ?? null}::event_outcome is null or e.outcome = ${query.outcome ?? null}::event_outcome)
          and (${after === null} or (e.received_at, e.id) < (${after?.[0] ?? '1970-01-01T00:00:00Z'}::timestamptz, ${after?.[1] ?? null}::uuid))
        order by e.received_at desc, e.id desc limit ${query.limit + 1}`
      const body = page(
        rows,
        query.limit,
        (row) => [row.receivedAt.toISOString(), row.id],
        (row) => ({
          ...row,
          at: showInstant(row.at),
          receivedAt: showDate(row.receivedAt),
          nextTryAt: showDateOrNull(row.nextTryAt),
          handledAt: showDateOrNull(row.handledAt),
        }),
      )
      return { status: 200, body }
    },
  }),
  route({
    method: 'post',
    path: '/events/{id}/replay',
    access: admin,
    summary: 'Handle an event again',
    params: IdParams,
    responses: { 202: null },
    problems: ['no-such-event', 'not-replayable'],
    details: (d, { params }) =>
      lookUp(d, params.id, (id) => d.sql`select repository, tag, action from event where id = ${id}`),
    async handle(d, { params }) {
      const done = await replay(d, params.id)
      if (done === 'not-found') throw new ApiError('no-such-event', `no event ${params.id}`)
      if (done === 'not-replayable')
        throw new ApiError('not-replayable', 'the event names nothing that could be handled')
      return { status: 202 }
    },
  }),
]
