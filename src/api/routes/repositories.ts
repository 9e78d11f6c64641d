import { z } from 'zod'
import { keyOfRowSql } from '../../access/key-of-ref.ts'
import { readableRow } from '../../access/readable-by.ts'
import { person } from '../access-of.ts'
import { scopeOf } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery } from '../page.ts'
import { route } from '../route.ts'

const Repository = z
  .object({
    repository: z.string().describe('with its registry: `localhost:5000/lib/base`, as `?repository=` takes it'),
    namespace: z.string().describe('the key of its namespace'),
    tags: z.int().describe('0: all of them were deleted'),
    outdated: z.int().describe('tags that are, without those that a policy leaves alone'),
  })
  .meta({ id: 'Repository' })

type Row = { host: string; name: string; namespace: string; tags: number; outdated: number }

/** A cursor: the registry's name and the repository's. */
const hostAndName = z.tuple([z.string(), z.string()])

/** As many as the namespaces count: also those of which every tag was deleted. */
export const repositoryRoutes = [
  route({
    method: 'get',
    path: '/repositories',
    access: person,
    summary: 'Repositories, by name',
    query: z.object({ ...pageQuery, namespace: z.string().optional() }),
    responses: { 200: pageOf(Repository) },
    async handle(d, { query, principal }) {
      const scope = scopeOf(d, query)
      const [host, name] = decodeCursor(query.cursor, hostAndName) ?? ['', '']
      const most = query.limit + 1
      // a page of each registry, by the index of its names; then the tags of these alone. `is true`: as in tags-read-by.ts
      const rows = await d.sql<Row[]>`
        with page as materialized (
          select found.* from registry g cross join lateral (
            select r.id, g.name as host, r.name, ${keyOfRowSql(d.sql, d)} as key from repository r
            where r.registry_id = g.id and r.name > case when g.name = ${host} then ${name} else '' end
              and (${scope.namespace}::text is null or r.namespace = ${scope.namespace})
              and (${readableRow(d, principal)}) is true
            order by r.name limit ${most}) as found
          where not g.outside and g.name >= ${host} and (${scope.host}::text is null or g.name = ${scope.host})
          order by found.host, found.name limit ${most}
        )
        select page.host, page.name, page.key as namespace, count(t.id)::int as tags,
          count(t.id) filter (where t.status = 'outdated' and t.ignored is null)::int as outdated
        from page left join tag t on t.repository_id = page.id and t.head_digest is not null
        group by page.host, page.name, page.key order by page.host, page.name`
      const body = page(
        rows,
        query.limit,
        (row) => [row.host, row.name],
        ({ host, name, ...row }) => ({ repository: `${host}/${name}`, ...row }),
      )
      return { status: 200, body }
    },
  }),
]
