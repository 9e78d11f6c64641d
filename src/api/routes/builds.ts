import { z } from 'zod'
import { keyOfRef } from '../../access/key-of-ref.ts'
import type { Principal } from '../../access/principal.ts'
import { readableBy } from '../../access/readable-by.ts'
import { cancelBuild } from '../../build/cancel.ts'
import { requestBuild } from '../../build/request.ts'
import type { Deps } from '../../deps.ts'
import { ofBuild, person } from '../access-of.ts'
import { lookUp } from '../look-up-details.ts'
import { IdParams, nameOf, refOf } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery, timeAndId } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Build, type BuildRow, buildColumns, showBuilds } from '../schemas/build.ts'
import { sendLog } from '../send-log.ts'

const uuid = z.uuid()

async function rowOf(d: Pick<Deps, 'sql'>, id: string): Promise<BuildRow> {
  const [row] = uuid.safeParse(id).success
    ? await d.sql<BuildRow[]>`
        select ${buildColumns(d.sql)} from build where id = ${id} and job is null`
    : []
  if (!row) throw new ApiError('no-such-build', `no build ${id}`)
  return row
}

const buildOf = async (d: Deps, principal: Principal, id: string) =>
  (await showBuilds(d, principal, [await rowOf(d, id)]))[0]!

export const buildRoutes = [
  route({
    method: 'post',
    path: '/builds',
    access: {
      need: 'build',
      hidden: 'no-such-tag',
      of: (d, { body }) => [keyOfRef(d, refOf(d, body.ref))],
    },
    summary: 'Build a tag by its recipe: 201, or 200 with the build that is queued already',
    body: z.strictObject({ ref: z.string().min(1).max(700), note: z.string().max(1000).optional() }),
    responses: { 200: Build, 201: Build },
    problems: ['no-recipe', 'no-such-registry', 'no-such-tag'],
    subject: ({ body }) => body.ref,
    details: (_, { body }) => ({ note: body.note }),
    async handle(d, { body, principal }) {
      const ref = refOf(d, body.ref)
      const request = { ref, reason: { kind: 'manual' as const }, root: null, note: body.note ?? null }
      const requested = await requestBuild(d, request)
      if (requested === 'no-recipe') throw new ApiError('no-recipe', `${ref} has no recipe: PUT /recipes/REF first`)
      return { status: requested.created ? 201 : 200, body: await buildOf(d, principal, requested.build.id) }
    },
  }),
  route({
    method: 'get',
    path: '/builds',
    access: person,
    summary: 'Builds, newest first',
    query: z.object({ ...pageQuery, ref: z.string().max(700).optional(), state: Build.shape.state.optional() }),
    responses: { 200: pageOf(Build) },
    async handle(d, { query, principal }) {
      const ref = query.ref === undefined ? null : nameOf(d, query.ref)
      const state = query.state ?? null
      const after = decodeCursor(query.cursor, timeAndId)
      const rows = await d.sql<BuildRow[]>`
        select ${buildColumns(d.sql)} from build
        where job is null and ${readableBy(d.sql, principal, d.sql`namespace_key`)} and (${ref}::text is null or ref = ${ref}) and (${state}::build_state is null or state = ${state}::build_state)
          and (${after === null} or (created_at, id) < (${after?.[0] ?? '1970-01-01T00:00:00Z'}::timestamptz, ${after?.[1] ?? null}::uuid))
        order by created_at desc, id desc limit ${query.limit + 1}`
      const shown = await showBuilds(d, principal, rows)
      return {
        status: 200,
        body: page(
          shown,
          query.limit,
          ({ createdAt, id }) => [createdAt, id],
          (build) => build,
        ),
      }
    },
  }),
  route({
    method: 'get',
    path: '/builds/{id}',
    access: ofBuild('read'),
    summary: 'One build',
    params: IdParams,
    responses: { 200: Build },
    problems: ['no-such-build'],
    async handle(d, { params, principal }) {
      return { status: 200, body: await buildOf(d, principal, params.id) }
    },
  }),
  route({
    method: 'get',
    path: '/builds/{id}/logs',
    access: ofBuild('build'),
    summary:
      'The log as text; with Accept: text/event-stream as events, each with the id to go on from (Last-Event-ID)',
    params: IdParams,
    query: z.object({ follow: z.enum(['0', '1', 'true', 'false']).default('0').describe('until the build ends') }),
    responses: { 200: ['text/plain', 'text/event-stream'] },
    problems: ['no-such-build'],
    async handle(d, { params, query, request, principal }, response) {
      await rowOf(d, params.id)
      const wants = query.follow === '1' || query.follow === 'true'
      await sendLog(d, params.id, { follow: wants && request.method === 'GET', request, response, principal })
      return null
    },
  }),
  route({
    method: 'post',
    path: '/builds/{id}/cancel',
    access: ofBuild('build'),
    summary: 'Cancel a build: at once where it waits, within seconds where it runs',
    params: IdParams,
    responses: { 202: Build },
    problems: ['no-such-build', 'build-over'],
    details: (d, { params }) =>
      lookUp(d, params.id, (id) => d.sql`select ref from build where id = ${id} and job is null`),
    async handle(d, { params, principal }) {
      await rowOf(d, params.id)
      if ((await cancelBuild(d, params.id)) === 'over') throw new ApiError('build-over', 'the build has ended')
      return { status: 202, body: await buildOf(d, principal, params.id) }
    },
  }),
]
