import { z } from 'zod'
import { keyOfRef } from '../../access/key-of-ref.ts'
import { readableRef } from '../../access/readable-by.ts'
import { addSnooze, isKnown, listSnoozes, removeSnooze, type Snooze } from '../../policy/snoozes.ts'
import { ofSnooze, person } from '../access-of.ts'
import { lookUp } from '../look-up-details.ts'
import { IdParams, nameOf, refOf } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery, timeAndId } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { saidBy } from '../said-by.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const Kind = z.enum(['tag', 'base'])
const NewSnooze = z
  .strictObject({
    kind: Kind.describe('tag: this tag alone; base: whatever this base causes, as root or via'),
    ref: z.string().min(1).max(700),
    reason: z.string().trim().min(1).max(1000),
    expiresAt: z.iso.datetime({ offset: true }).describe('in the future, within a year'),
    by: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .optional()
      .describe('who asks for it, as shown to others; others than admins are themselves'),
  })
  .meta({ id: 'NewSnooze' })
const StoredSnooze = z
  .object({
    id: z.string(),
    kind: Kind,
    ref: z.string(),
    reason: z.string(),
    by: z.string(),
    createdAt: Time,
    expiresAt: Time,
  })
  .meta({ id: 'Snooze' })

const show = ({ author, createdAt, expiresAt, ...snooze }: Snooze) => ({
  ...snooze,
  by: author,
  createdAt: showDate(createdAt),
  expiresAt: showDate(expiresAt),
})
const longest = 366 * 86_400_000

export const snoozeRoutes = [
  route({
    method: 'get',
    path: '/snoozes',
    access: person,
    summary: 'Snoozes that have not ended, the first to end first',
    query: z.object(pageQuery),
    responses: { 200: pageOf(StoredSnooze) },
    async handle(d, { query, principal }) {
      const after = decodeCursor(query.cursor, timeAndId)
      const rows = await listSnoozes(d, {
        ...{ after, limit: query.limit + 1 },
        mine: readableRef(d, principal, d.sql`ref`),
      })
      return { status: 200, body: page(rows, query.limit, (row) => [showDate(row.expiresAt), row.id], show) }
    },
  }),
  route({
    method: 'post',
    path: '/snoozes',
    access: {
      need: 'build',
      hidden: 'no-such-tag',
      of: (d, { body }) => [body.kind === 'base' ? null : keyOfRef(d, refOf(d, body.ref))],
    },
    summary:
      'Until then: no mail and no rebuild by itself, of a tag or because of a base. Takes the place of one for the same',
    body: NewSnooze,
    responses: { 201: StoredSnooze },
    problems: ['no-such-tag', 'no-such-registry'],
    subject: ({ body }) => `${body.kind} ${body.ref}`,
    details: (_, { body: { reason, expiresAt, by } }) => ({ reason, expiresAt, by }),
    async handle(d, { body: { kind, reason, by, ...body }, principal }) {
      const ref = kind === 'tag' ? refOf(d, body.ref) : nameOf(d, body.ref)
      const expiresAt = new Date(body.expiresAt)
      const fromNow = expiresAt.getTime() - d.clock().getTime()
      if (fromNow <= 0) throw badExpiry('is in the past')
      if (fromNow > longest) throw badExpiry('is more than a year away')
      if (!(await isKnown(d, kind, ref))) throw new ApiError('no-such-tag', `nothing is known of ${ref}`)
      return {
        status: 201,
        body: show(await addSnooze(d, { kind, ref, reason, author: saidBy(principal, by), expiresAt })),
      }
    },
  }),
  route({
    method: 'delete',
    path: '/snoozes/{id}',
    access: ofSnooze('build'),
    summary: 'End a snooze: what it held up comes now',
    params: IdParams,
    responses: { 204: null },
    problems: ['no-such-snooze'],
    details: (d, { params }) =>
      lookUp(
        d,
        params.id,
        (id) =>
          d.sql`select kind::text as kind, ref, author as by, expires_at::text as expires_at from snooze where id = ${id}`,
      ),
    async handle(d, { params }) {
      const isId = z.uuid().safeParse(params.id).success
      if (!isId || !(await removeSnooze(d, params.id))) throw new ApiError('no-such-snooze', `no snooze ${params.id}`)
      return { status: 204 }
    },
  }),
]

const badExpiry = (message: string): ApiError =>
  new ApiError('bad-request', 'the body is not as it should be', [{ path: 'expiresAt', message }])
