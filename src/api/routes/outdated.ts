import { z } from 'zod'
import { readableRef } from '../../access/readable-by.ts'
import { tagsReadBy } from '../../access/tags-read-by.ts'
import { listNewer } from '../../policy/list-newer.ts'
import { hasLoudCause, isTagSnoozed } from '../../policy/snoozed.ts'
import { person } from '../access-of.ts'
import { nameOf, scopeOf } from '../names.ts'
import { decodeCursor, encodeCursor, instantAndName, oneText, page, pageOf, pageQuery } from '../page.ts'
import { route } from '../route.ts'
import { NewerTag, OutdatedTag } from '../schemas/tag.ts'
import { causesOf, rebuilds, showCause, showInstant, snoozes } from '../show-tag.ts'

type Row = {
  id: number
  ref: string
  headDigest: string
  outdatedSince: bigint
  ignored: z.infer<typeof OutdatedTag>['ignored']
}

const flag = (otherwise: 'true' | 'false') => z.enum(['true', 'false']).default(otherwise)

/** Tags with a counted cause, those outdated longest first. */
export const outdatedRoutes = [
  route({
    method: 'get',
    path: '/outdated',
    access: person,
    summary: 'The outdated tags, those outdated longest first',
    query: z.object({
      ...pageQuery,
      namespace: z.string().optional(),
      repository: z.string().optional(),
      base: z.string().optional().describe('root cause or via'),
      role: z.enum(['runtime', 'build', 'all']).default('all').describe('of the causes that count and are listed'),
      ignored: flag('false').describe('true: also tags that do not matter by a policy'),
      snoozed: flag('true').describe('false: without what is snoozed'),
    }),
    responses: { 200: pageOf(OutdatedTag) },
    async handle(d, { query, principal }) {
      const scope = scopeOf(d, query)
      const mine = await tagsReadBy(d, principal)
      const base = query.base === undefined ? null : nameOf(d, query.base)
      const role = query.role === 'all' ? null : query.role
      const after = decodeCursor(query.cursor, instantAndName)
      const now = d.clock()
      const rows = await d.sql<Row[]>`
        select t.id, t.ref, t.head_digest, t.outdated_since, t.ignored
        from ${mine.from()} t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
        where not g.outside and ${mine.where()} and t.status = 'outdated' and t.outdated_since is not null
          and exists (select from cause c where c.tag_id = t.id and c.counted
            and (${role}::base_role is null or c.role = ${role}::base_role)
            and (${base}::text is null or c.base = ${base} or c.via = ${base}))
          and (${base}::text is null or ${readableRef(d, principal, d.sql`${base}::text`)})
          and (t.ignored is null or (${query.ignored === 'true'} and t.ignored->>'rule' not in ('previous', 'candidate')))
          and (${query.snoozed === 'true'} or (not ${isTagSnoozed(d.sql, now)} and ${hasLoudCause(d.sql, now)}))
          and (${scope.host}::text is null or g.name = ${scope.host})
          and (${scope.namespace}::text is null or r.namespace = ${scope.namespace})
          and (${scope.repository}::text is null or g.name || '/' || r.name = ${scope.repository})
          and (${after === null} or (t.outdated_since, t.ref) > (${after?.[0] ?? '0'}::bigint, ${after?.[1] ?? ''}::text))
        order by t.outdated_since, t.ref limit ${query.limit + 1}`
      const causes = await causesOf(
        d,
        rows.map((row) => row.id),
      )
      const shownRefs = rows.slice(0, query.limit).map((row) => row.ref)
      const rebuild = await rebuilds(d, shownRefs)
      const snoozed = await snoozes(d, shownRefs)
      const body = page(
        rows,
        query.limit,
        (row) => [String(row.outdatedSince), row.ref],
        (row) => {
          const shown = (causes.get(row.id) ?? []).filter((c) => role === null || c.role === role)
          return {
            ref: row.ref,
            digest: row.headDigest,
            platforms: [...new Set(shown.filter((c) => c.counted).flatMap((c) => c.platforms))].sort(),
            outdatedSince: showInstant(row.outdatedSince),
            causes: shown.map(showCause),
            rebuild: rebuild(row.ref),
            ignored: row.ignored,
            snoozed: snoozed(row.ref),
          }
        },
      )
      return { status: 200, body }
    },
  }),
  route({
    method: 'get',
    path: '/newer',
    access: person,
    summary:
      'Tags with a base of which a later version is there under another tag: no flag, and nothing is started by it',
    query: z.object({
      ...pageQuery,
      namespace: z.string().optional(),
      repository: z.string().optional(),
      ignored: flag('false').describe('true: also tags that do not matter by a policy'),
    }),
    responses: { 200: pageOf(NewerTag).describe('a page may hold fewer than its limit, with more to come') },
    async handle(d, { query, principal }) {
      const mine = await tagsReadBy(d, principal)
      const scope = { ...scopeOf(d, query), ignored: query.ignored === 'true', mine }
      const after = decodeCursor(query.cursor, oneText)?.[0] ?? null
      const { items, next } = await listNewer(d, scope, { after, limit: query.limit })
      return { status: 200, body: { items, next: next === null ? null : encodeCursor([next]) } }
    },
  }),
]
