import { z } from 'zod'
import { listTokens, makeToken, revokeToken, type TokenView } from '../../access/api-tokens.ts'
import { type Principal, tokenIdOf } from '../../access/principal.ts'
import { parseScope, scopesAllow } from '../../access/scopes.ts'
import type { Deps } from '../../deps.ts'
import { UserName } from '../../people/person.ts'
import { self } from '../access-of.ts'
import { lookUp } from '../look-up-details.ts'
import { IdParams, namespaceOfPath } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery, timeAndId } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate, showDateOrNull } from '../show-tag.ts'

const Scope = z
  .string()
  .max(310)
  .refine((text) => parseScope(text) !== null, 'must be read, build, manage or admin, perhaps with :NAMESPACE')
  .describe(
    '`read`, `build`, `manage` or `admin`, each with what stands before it; `build:NS`: in that namespace alone',
  )
const NewToken = z
  .strictObject({
    user: UserName.optional().describe('whose; default: who asks. For somebody else only by an admin'),
    name: z.string().trim().min(1).max(100).describe('what it is for'),
    scopes: z.array(Scope).max(100).default([]).describe('empty: all that the person may'),
    expiresAt: z.iso.datetime({ offset: true }).nullable().default(null).describe('null: never'),
  })
  .meta({ id: 'NewToken' })
const Token = z
  .object({
    id: z.string(),
    user: z.string(),
    name: z.string(),
    scopes: z.array(z.string()),
    createdAt: Time,
    expiresAt: Time.nullable(),
    lastUsedAt: Time.nullable().describe('to the minute'),
  })
  .meta({ id: 'Token', description: 'Never the token itself' })
const MadeToken = z
  .object({ ...Token.shape, token: z.string() })
  .meta({ id: 'MadeToken', description: 'The token is shown this once' })

const show = <T extends TokenView>(token: T) => ({
  ...token,
  createdAt: showDate(token.createdAt),
  expiresAt: showDateOrNull(token.expiresAt),
  lastUsedAt: showDateOrNull(token.lastUsedAt),
})

/** Who may see and revoke everybody's. */
const isAdmin = ({ admin, scopes }: Principal, level: 'read' | 'admin'): boolean =>
  admin && scopesAllow(scopes, level, null)

/** With namespaces as their keys, however they were written. */
const canonical = (d: Pick<Deps, 'config'>, text: string): string => {
  const scope = parseScope(text)
  return scope?.namespace ? `${scope.level}:${namespaceOfPath(d, scope.namespace)}` : text
}

export const tokenRoutes = [
  route({
    method: 'get',
    path: '/tokens',
    access: self,
    summary:
      'API tokens, newest first: one’s own; an admin sees all; a token for some namespaces alone itself, and what was made with it',
    query: z.object({ ...pageQuery, user: z.string().max(255).optional().describe('an admin: of this user alone') }),
    responses: { 200: pageOf(Token) },
    async handle(d, { query, principal }) {
      const after = decodeCursor(query.cursor, timeAndId)
      const all = isAdmin(principal, 'read')
      const user = all ? (query.user ?? null) : principal.name
      const none = !all && query.user !== undefined && query.user !== user
      const within = scopesAllow(principal.scopes, 'read', null) ? null : tokenIdOf(principal)
      const rows = none ? [] : await listTokens(d, { user, within, after, limit: query.limit + 1 })
      return { status: 200, body: page(rows, query.limit, (row) => [row.createdAt.toISOString(), row.id], show) }
    },
  }),
  route({
    method: 'post',
    path: '/tokens',
    access: self,
    summary: 'Make an API token; it is shown this once. One made with a token may do no more, and no longer, than that',
    body: NewToken,
    responses: { 201: MadeToken },
    problems: ['forbidden', 'no-such-user'],
    subject: ({ body, principal }) => `${body.user ?? principal.name} ${body.name}`,
    details: (_, { body: { scopes, expiresAt } }) => ({ scopes, expiresAt }),
    async handle(d, { body, principal }) {
      const expiresAt = body.expiresAt === null ? null : new Date(body.expiresAt)
      if (expiresAt !== null && expiresAt <= d.clock())
        throw new ApiError('bad-request', 'the body is not as it should be', [
          { path: 'expiresAt', message: 'is in the past' },
        ])
      const scopes = [...new Set(body.scopes.map((text) => canonical(d, text)))]
      const made = await makeToken(d, principal, {
        ...{ user: body.user ?? principal.name, name: body.name, scopes, expiresAt },
      })
      return { status: 201, body: show(made) }
    },
  }),
  route({
    method: 'delete',
    path: '/tokens/{id}',
    access: self,
    summary: 'Revoke a token, and those made with it: from then on they open nothing',
    params: IdParams,
    responses: { 204: null },
    problems: ['forbidden', 'no-such-token'],
    details: (d, { params }) =>
      lookUp(d, params.id, (id) => d.sql`select user_name as user, name, scopes from token where id = ${id}`),
    async handle(d, { params, principal }) {
      const own = principal.via === `token:${params.id}`
      if (!own && !scopesAllow(principal.scopes, 'manage', null))
        throw new ApiError('forbidden', 'a token that may not manage revokes itself alone')
      const user = isAdmin(principal, 'admin') ? null : principal.name
      const isId = z.uuid().safeParse(params.id).success
      if (!isId || !(await revokeToken(d, params.id, user)))
        throw new ApiError('no-such-token', `no token ${params.id} that is yours to revoke`)
      return { status: 204 }
    },
  }),
]
