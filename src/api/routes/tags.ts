import { z } from 'zod'
import { keyOfRef } from '../../access/key-of-ref.ts'
import { tagsReadBy } from '../../access/tags-read-by.ts'
import { ofName, person } from '../access-of.ts'
import { knownRefOf, RefParams, scopeOf } from '../names.ts'
import { decodeCursor, oneText, page, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { HistoryItem, Status, TagStatus, TagSummary } from '../schemas/tag.ts'
import { showInstant, showInstantOrNull } from '../show-tag.ts'
import { tagStatus } from '../tag-status.ts'

type Row = {
  ref: string
  headDigest: string
  headAt: bigint
  status: z.infer<typeof Status> | null
  outdatedSince: bigint | null
  ignored: z.infer<typeof TagStatus>['ignored']
}

export const tagRoutes = [
  route({
    method: 'get',
    path: '/tags',
    access: person,
    summary: 'All tags, by name',
    query: z.object({
      ...pageQuery,
      status: Status.optional(),
      namespace: z.string().optional(),
      repository: z.string().optional(),
    }),
    responses: { 200: pageOf(TagSummary) },
    async handle(d, { query, principal }) {
      const scope = scopeOf(d, query)
      const mine = await tagsReadBy(d, principal)
      const after = decodeCursor(query.cursor, oneText)
      const rows = await d.sql<Row[]>`
        select t.ref, t.head_digest, t.head_at, t.status, t.outdated_since, t.ignored
        from ${mine.from()} t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
        where t.head_digest is not null and not g.outside and ${mine.where()} and t.ref > ${after?.[0] ?? ''}
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
    access: ofName('no-such-tag'),
    summary: 'One tag: its status, bases and causes',
    params: RefParams,
    responses: { 200: TagStatus },
    problems: ['no-such-tag'],
    async handle(d, { params, principal, mayIn }) {
      const ref = await knownRefOf(d, principal, params.ref)
      const body = await tagStatus(d, ref, mayIn('recipe', keyOfRef(d, ref)))
      if (!body) throw new ApiError('no-such-tag', `${ref} is not known, or was deleted`)
      return { status: 200, body }
    },
  }),
  route({
    method: 'get',
    path: '/tags/{ref}/history',
    access: ofName('no-such-tag'),
    summary: 'What the tag pointed at over time, newest first; also of a deleted tag',
    params: RefParams,
    responses: { 200: z.object({ items: z.array(HistoryItem), next: z.null() }) },
    problems: ['no-such-tag'],
    async handle(d, { params, principal }) {
      const ref = await knownRefOf(d, principal, params.ref)
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
]
