import { z } from 'zod'
import { keyOfRefSql } from '../../access/key-of-ref.ts'
import { readableBy } from '../../access/readable-by.ts'
import type { Deps } from '../../deps.ts'
import { getPolicy, listPolicies, putPolicy, removePolicy, type StoredPolicy } from '../../policy/policies.ts'
import { TagPolicy } from '../../policy/tag-policy.ts'
import { ofPolicy, person } from '../access-of.ts'
import { decodeCursor, oneText, page, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { policyScope } from '../scope.ts'
import { showDate } from '../show-tag.ts'

const ScopeParams = z.object({
  scope: z
    .string()
    .min(1)
    .max(600)
    .describe(
      'a namespace (`app`; `host/app` with several registries) or a repository (`host/app/run`; `host/_/run` of one without a path); a repository’s decides alone',
    ),
})
const StoredTagPolicy = z
  .object({ scope: z.string(), ...TagPolicy.shape, updatedAt: Time })
  .meta({ id: 'StoredTagPolicy' })

/** `namespaceOfScope` (policy-scope.ts) in SQL. */
const keyOfScope = (d: Pick<Deps, 'sql' | 'config'>) => d.sql`
  (case when p.scope like '%/%/%' then ${keyOfRefSql(d.sql, d, d.sql`p.scope`)} else p.scope end)`

const show = ({ updatedAt, ...policy }: StoredPolicy) => ({ ...policy, updatedAt: showDate(updatedAt) })

export const policyRoutes = [
  route({
    method: 'get',
    path: '/policies',
    access: person,
    summary: 'Which tags matter: policies, by scope',
    query: z.object(pageQuery),
    responses: { 200: pageOf(StoredTagPolicy) },
    async handle(d, { query, principal }) {
      const after = decodeCursor(query.cursor, oneText)
      const rows = await listPolicies(d, {
        after: after?.[0] ?? null,
        limit: query.limit + 1,
        mine: readableBy(d.sql, principal, keyOfScope(d)),
      })
      return { status: 200, body: page(rows, query.limit, (row) => [row.scope], show) }
    },
  }),
  route({
    method: 'get',
    path: '/policies/{scope}',
    access: ofPolicy('read'),
    summary: 'The policy of a namespace or a repository',
    params: ScopeParams,
    responses: { 200: StoredTagPolicy },
    problems: ['no-such-policy', 'no-such-registry'],
    async handle(d, { params }) {
      const found = await getPolicy(d, policyScope(d, params.scope))
      if (!found) throw new ApiError('no-such-policy', `${params.scope} has no policy of its own`)
      return { status: 200, body: show(found) }
    },
  }),
  route({
    method: 'put',
    path: '/policies/{scope}',
    access: ofPolicy('manage'),
    summary:
      'Say which tags matter; what it ignores is neither listed, mailed nor rebuilt by itself. Tags follow within seconds',
    params: ScopeParams,
    body: TagPolicy,
    responses: { 200: StoredTagPolicy },
    problems: ['no-such-registry'],
    details: (_, { body }) => body,
    async handle(d, { params, body }) {
      return { status: 200, body: show(await putPolicy(d, policyScope(d, params.scope), body)) }
    },
  }),
  route({
    method: 'delete',
    path: '/policies/{scope}',
    access: ofPolicy('manage'),
    summary: 'Remove a policy: what it ignored matters again',
    params: ScopeParams,
    responses: { 204: null },
    problems: ['no-such-policy', 'no-such-registry'],
    details: null,
    async handle(d, { params }) {
      if (!(await removePolicy(d, policyScope(d, params.scope))))
        throw new ApiError('no-such-policy', `${params.scope} has no policy of its own`)
      return { status: 204 }
    },
  }),
]
