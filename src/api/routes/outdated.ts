import { z } from 'zod'
import { nameOf, scopeOf } from '../names.ts'
import { decodeCursor, instantAndName, page, pageOf, pageQuery } from '../page.ts'
import { route } from '../route.ts'
import { OutdatedTag } from '../schemas/tag.ts'
import { causesOf, rebuilds, showCause, showInstant } from '../show-tag.ts'

type Row = { id: number; ref: string; headDigest: string; outdatedSince: bigint }

/** Tags with a counted cause, those outdated longest first. */
export const outdatedRoutes = [
  route({
    method: 'get',
    path: '/outdated',
    summary: 'The outdated tags, those outdated longest first',
    query: z.object({
      ...pageQuery,
      namespace: z.string().optional(),
      repository: z.string().optional(),
      base: z.string().optional().describe('root cause or via'),
      role: z.enum(['runtime', 'build', 'all']).default('all').describe('of the causes that count and are listed'),
    }),
    responses: { 200: pageOf(OutdatedTag) },
    async handle(d, { query }) {
      const scope = scopeOf(d, query)
      const base = query.base === undefined ? null : nameOf(d, query.base)
      const role = query.role === 'all' ? null : query.role
      const after = decodeCursor(query.cursor, instantAndName)
      const rows = await d.sql<Row[]>`
        select t.id, t.ref, t.head_digest, t.outdated_since
        from tag t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
        where t.status = 'outdated' and t.outdated_since is not null
          and exists (select from cause c where c.tag_id = t.id and c.counted
            and (${role}::base_role is null or c.role = ${role}::base_role)
            and (${base}::text is null or c.base = ${base} or c.via = ${base}))
          and (${scope.host}::text is null or g.name = ${scope.host})
          and (${scope.namespace}::text is null or r.namespace = ${scope.namespace})
          and (${scope.repository}::text is null or g.name || '/' || r.name = ${scope.repository})
          and (${after === null} or (t.outdated_since, t.ref) > (${after?.[0] ?? '0'}::bigint, ${after?.[1] ?? ''}::text))
        order by t.outdated_since, t.ref limit ${query.limit + 1}`
      const causes = await causesOf(
        d,
        rows.map((row) => row.id),
      )
      const rebuild = await rebuilds(
        d,
        rows.slice(0, query.limit).map((row) => row.ref),
      )
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
          }
        },
      )
      return { status: 200, body }
    },
  }),
]
