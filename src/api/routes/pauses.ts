import { z } from 'zod'
import { readableBy } from '../../access/readable-by.ts'
import type { Deps } from '../../deps.ts'
import { listPauses, type Pause, putPause, removePause } from '../../pause/pauses.ts'
import { ofPause, person } from '../access-of.ts'
import { namespaceOfPath } from '../names.ts'
import { decodeCursor, oneText, page, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { saidBy } from '../said-by.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const StoredPause = z
  .object({ scope: z.string(), reason: z.string().nullable(), by: z.string().nullable(), since: Time })
  .meta({ id: 'Pause', description: 'No build starts by itself in this namespace, or anywhere (`*`)' })
const PutPause = z
  .strictObject({
    reason: z.string().trim().min(1).max(1000).optional(),
    by: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .optional()
      .describe('who asks for it, as shown to others; others than admins are themselves'),
  })
  .meta({ id: 'PutPause' })
const ScopeParams = z.object({
  scope: z.string().min(1).max(300).describe('`*` = everywhere, or a namespace as in `/namespaces/{ns}`'),
})

const scopeOf = (d: Pick<Deps, 'config'>, text: string): string => (text === '*' ? text : namespaceOfPath(d, text))
const show = (pause: Pause) => ({ ...pause, since: showDate(pause.since) })

export const pauseRoutes = [
  route({
    method: 'get',
    path: '/pauses',
    access: person,
    summary: 'Where no build starts by itself, by scope',
    query: z.object(pageQuery),
    responses: { 200: pageOf(StoredPause) },
    async handle(d, { query, principal }) {
      const after = decodeCursor(query.cursor, oneText)?.[0] ?? null
      const rows = await listPauses(d, {
        ...{ after, limit: query.limit + 1 },
        mine: d.sql`(scope = '*' or ${readableBy(d.sql, principal, d.sql`scope`)})`,
      })
      return { status: 200, body: page(rows, query.limit, (row) => [row.scope], show) }
    },
  }),
  route({
    method: 'put',
    path: '/pauses/{scope}',
    access: ofPause('manage'),
    summary:
      'Start no build by itself there until this is removed; what runs goes on, and what a person asks for is built',
    params: ScopeParams,
    body: PutPause,
    responses: { 200: StoredPause },
    problems: ['no-such-namespace'],
    details: (_, { body: { reason, by } }) => ({ reason, by }),
    async handle(d, { params, body, principal }) {
      const scope = scopeOf(d, params.scope)
      return {
        status: 200,
        body: show(await putPause(d, { scope, reason: body.reason ?? null, by: saidBy(principal, body.by) })),
      }
    },
  }),
  route({
    method: 'delete',
    path: '/pauses/{scope}',
    access: ofPause('manage'),
    summary: 'End a pause: what it held up is planned now',
    params: ScopeParams,
    responses: { 204: null },
    problems: ['no-such-pause'],
    details: null,
    async handle(d, { params }) {
      if (!(await removePause(d, scopeOf(d, params.scope))))
        throw new ApiError('no-such-pause', `${params.scope} is not paused`)
      return { status: 204 }
    },
  }),
]
