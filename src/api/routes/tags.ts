import { z } from 'zod'
import { getRecipe } from '../../build/recipes.ts'
import type { Deps } from '../../deps.ts'
import { newerBases } from '../../policy/newer-bases.ts'
import { findTag } from '../find-tag.ts'
import { lineage } from '../lineage.ts'
import { knownRefOf, RefParams, scopeOf } from '../names.ts'
import { decodeCursor, oneText, page, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Lineage } from '../schemas/lineage.ts'
import { HistoryItem, Status, TagStatus, TagSummary } from '../schemas/tag.ts'
import { causesOf, rebuilds, showCause, showInstant, showInstantOrNull, snoozes } from '../show-tag.ts'

type Row = {
  id: number
  ref: string
  headDigest: string
  headAt: bigint
  status: z.infer<typeof Status> | null
  because: z.infer<typeof TagStatus>['because'] & object
  platforms: z.infer<typeof TagStatus>['platforms']
  disagreements: z.infer<typeof TagStatus>['disagreements']
  outdatedSince: bigint | null
  ignored: z.infer<typeof TagStatus>['ignored']
}

async function tagOf(d: Pick<Deps, 'sql' | 'config'>, text: string): Promise<Row> {
  const ref = await knownRefOf(d, text)
  const [row] = await d.sql<Row[]>`
    select id, ref, head_digest, head_at, status, because, platforms, disagreements, outdated_since, ignored from tag
    where ref = ${ref} and head_digest is not null`
  if (!row) throw new ApiError('no-such-tag', `${ref} is not known, or was deleted`)
  return row
}

export const tagRoutes = [
  route({
    method: 'get',
    path: '/tags',
    summary: 'All tags, by name',
    query: z.object({
      ...pageQuery,
      status: Status.optional(),
      namespace: z.string().optional(),
      repository: z.string().optional(),
    }),
    responses: { 200: pageOf(TagSummary) },
    async handle(d, { query }) {
      const scope = scopeOf(d, query)
      const after = decodeCursor(query.cursor, oneText)
      const rows = await d.sql<Row[]>`
        select t.ref, t.head_digest, t.head_at, t.status, t.outdated_since, t.ignored
        from tag t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
        where t.head_digest is not null and not g.outside and t.ref > ${after?.[0] ?? ''}
          and (${query.status ?? null}::tag_status is null or t.status = ${query.status ?? null}::tag_status)
          and (${scope.host}::text is null or g.name = ${scope.host})
          and (${scope.namespace}::text is null or r.namespace = ${scope.namespace})
          and (${scope.repository}::text is null or g.name || '/' || r.name = ${scope.repository})
        order by t.ref limit ${query.limit + 1}`
      const body = page(
        rows,
        query.limit,
        (row) => [row.ref],
        (row) => ({
          ref: row.ref,
          status: row.status,
          digest: row.headDigest,
          pushedAt: showInstant(row.headAt),
          outdatedSince: showInstantOrNull(row.outdatedSince),
          ignored: row.ignored,
        }),
      )
      return { status: 200, body }
    },
  }),
  route({
    method: 'get',
    path: '/tags/{ref}',
    summary: 'One tag: its status, bases and causes',
    params: RefParams,
    responses: { 200: TagStatus },
    problems: ['no-such-tag'],
    async handle(d, { params }) {
      const tag = await tagOf(d, params.ref)
      const causes = (await causesOf(d, [tag.id])).get(tag.id) ?? []
      const recipe = await getRecipe(d, tag.ref)
      const rebuild = await rebuilds(d, [tag.ref])
      const bases = new Set(tag.platforms.flatMap((p) => p.bases).flatMap((base) => base.ref ?? []))
      const newer = await newerBases(d, [{ ref: tag.ref, bases: [...bases] }])
      const body = {
        ref: tag.ref,
        status: tag.status,
        because: tag.because.length === 0 ? null : tag.because,
        digest: tag.headDigest,
        pushedAt: showInstant(tag.headAt),
        platforms: tag.platforms,
        causes: causes.map(showCause),
        disagreements: tag.disagreements,
        recipe: recipe?.recipe ?? null,
        rebuild: rebuild(tag.ref),
        ignored: tag.ignored,
        snoozed: (await snoozes(d, [tag.ref]))(tag.ref),
        newer: newer.get(tag.ref) ?? [],
      }
      return { status: 200, body }
    },
  }),
  route({
    method: 'get',
    path: '/tags/{ref}/history',
    summary: 'What the tag pointed at over time, newest first; also of a deleted tag',
    params: RefParams,
    responses: { 200: z.object({ items: z.array(HistoryItem), next: z.null() }) },
    problems: ['no-such-tag'],
    async handle(d, { params }) {
      const ref = await knownRefOf(d, params.ref)
      const spans = await d.sql<{ digest: string; fromAt: bigint; toAt: bigint | null; exact: boolean }[]>`
        select s.digest, s.from_at, s.to_at, s.exact from tag t join tag_span s on s.tag_id = t.id where t.ref = ${ref} order by s.seq desc`
      if (spans.length === 0) throw new ApiError('no-such-tag', `${ref} is not known`)
      const items = spans.map((s) => ({
        digest: s.digest,
        from: showInstant(s.fromAt),
        to: showInstantOrNull(s.toAt),
        exact: s.exact,
      }))
      return { status: 200, body: { items, next: null } }
    },
  }),
  route({
    method: 'get',
    path: '/tags/{ref}/lineage',
    summary: 'What the tag is based on (up), or what is based on it (down)',
    params: RefParams,
    query: z.object({
      direction: z.enum(['up', 'down']).default('up'),
      depth: z.coerce.number().int().min(1).max(1000).optional().describe('levels; without it all of them'),
    }),
    responses: { 200: Lineage },
    problems: ['no-such-tag', 'no-such-registry'],
    async handle(d, { params, query }) {
      const tag = await findTag(d, params.ref)
      return { status: 200, body: await lineage(d, tag, { direction: query.direction, depth: query.depth ?? null }) }
    },
  }),
]
