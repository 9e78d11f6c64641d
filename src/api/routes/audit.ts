import { z } from 'zod'
import { type AuditEntry, listAudit } from '../../access/audit.ts'
import { person } from '../access-of.ts'
import { keyOfStored } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery } from '../page.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const Audited = z
  .object({
    id: z.string(),
    at: Time,
    actor: z
      .string()
      .describe('user name; `admin` via `bootstrap`: the bootstrap token; via `source` a source of people'),
    via: z
      .string()
      .describe(
        '`bootstrap`, `token:ID`, `session`, `portus`; `source`: by no call, but by what a source of people says',
      ),
    action: z
      .string()
      .describe('the call: `PUT /recipes/{ref}`; of a source `begin anew`: a name that nobody said for long'),
    subject: z.string().describe('what it was done to'),
    namespace: z.string().nullable().describe('null: of none, or of several'),
    details: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]))
      .nullable()
      .describe('what exactly, as far as the call has more to tell: a role, a visibility, whose token; never a secret'),
    status: z.int().nullable().describe('of the answer; null: it was begun, and the service ended before it did'),
    problem: z.string().nullable().describe('code, where it was refused or failed'),
    requestId: z.string().describe('of a source: `people:` and its name'),
  })
  .meta({ id: 'Audited' })

/** A cursor: the last id. */
const oneId = z.tuple([
  z
    .string()
    .regex(/^\d{1,19}$/)
    .refine((text) => BigInt.asIntN(64, BigInt(text)) === BigInt(text)),
])

const show = ({ id, at, ...entry }: AuditEntry) => ({ ...entry, id: String(id), at: showDate(at) })

export const auditRoutes = [
  route({
    method: 'get',
    path: '/audit',
    access: person,
    summary: 'Who changed, or tried to change, what; newest first. Owners see their namespaces, admins all',
    query: z.object({
      ...pageQuery,
      actor: z.string().max(255).optional(),
      namespace: z.string().max(300).optional(),
    }),
    responses: { 200: pageOf(Audited) },
    async handle(d, { query, principal }) {
      const after = decodeCursor(query.cursor, oneId)
      const rows = await listAudit(d, principal, {
        actor: query.actor ?? null,
        namespace: query.namespace === undefined ? null : await keyOfStored(d, query.namespace),
        after: after === null ? null : BigInt(after[0]),
        limit: query.limit + 1,
      })
      return { status: 200, body: page(rows, query.limit, (row) => [String(row.id)], show) }
    },
  }),
]
