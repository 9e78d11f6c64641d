/**
 * in: requests of trackers below /builder/v1. out: builds of the build service: taken, told of, cancelled.
 * guarantees: nobody without DRYDOCK_BUILDER_TOKEN learns anything; the builds of a tracker on the same database are neither shown nor touched.
 */
import { z } from 'zod'
import { cancelBuild } from '../build/cancel.ts'
import { acceptJob } from '../build/service/accept.ts'
import { RemoteJob } from '../build/service/job.ts'
import { RemoteBuild } from '../build/service/remote-build.ts'
import { serviceBuild } from '../build/service/service-build.ts'
import type { Config } from '../config.ts'
import type { Deps } from '../deps.ts'
import { builder } from './access-of.ts'
import { IdParams } from './names.ts'
import { ApiError } from './problem.ts'
import { route } from './route.ts'
import { sendLog } from './send-log.ts'

const uuid = z.uuid()

/** Whether a process with the role builder is a build service too: it has a token for it, and does not itself send its builds elsewhere. */
export const isBuildService = ({ builder, builderToken }: Pick<Config, 'builder' | 'builderToken'>): boolean =>
  builderToken !== null && builder !== 'remote'

const noSuchBuild = (id: string): ApiError => new ApiError('no-such-build', `no build ${id}`)

async function buildOf(d: Pick<Deps, 'sql'>, id: string): Promise<RemoteBuild> {
  const found = uuid.safeParse(id).success ? await serviceBuild(d, id) : null
  if (found === null || found === 'own') throw noSuchBuild(id)
  return found.build
}

/** Every call of the build service, below /builder/v1. */
export const builderRoutes = [
  route({
    method: 'post',
    path: '/builds',
    access: builder,
    summary: 'Build service: queue a build; 200 with what became of it where it was sent before',
    body: RemoteJob,
    responses: { 200: RemoteBuild, 201: RemoteBuild },
    problems: ['build-conflict', 'same-database'],
    details: null,
    async handle(d, { body }) {
      const accepted = await acceptJob(d, d.config.builderToken ?? '', body)
      if (accepted === 'conflict')
        throw new ApiError('build-conflict', `build ${body.id} is another one: an id is sent with one job only`)
      if (accepted === 'own')
        throw new ApiError(
          'same-database',
          `build ${body.id} is a tracker's own on this very database: tracker and build service need one each, or no build service between them`,
        )
      if ('faults' in accepted) throw new ApiError('bad-request', 'the build cannot be taken', accepted.faults)
      return { status: accepted.created ? 201 : 200, body: await buildOf(d, body.id) }
    },
  }),
  route({
    method: 'get',
    path: '/builds/{id}',
    access: builder,
    summary: 'Build service: one build',
    params: IdParams,
    responses: { 200: RemoteBuild },
    problems: ['no-such-build'],
    handle: async (d, { params }) => ({ status: 200, body: await buildOf(d, params.id) }),
  }),
  route({
    method: 'get',
    path: '/builds/{id}/logs',
    access: builder,
    summary: 'Build service: the log, as `GET /api/v1/builds/{id}/logs` has it',
    params: IdParams,
    query: z.object({ follow: z.enum(['0', '1', 'true', 'false']).default('0').describe('until the build ends') }),
    responses: { 200: ['text/plain', 'text/event-stream'] },
    problems: ['no-such-build'],
    async handle(d, { params, query, request, principal }, response) {
      await buildOf(d, params.id)
      const wants = query.follow === '1' || query.follow === 'true'
      await sendLog(d, params.id, { follow: wants && request.method === 'GET', request, response, principal })
      return null
    },
  }),
  route({
    method: 'post',
    path: '/builds/{id}/cancel',
    access: builder,
    summary: 'Build service: cancel a build: at once where it waits, within seconds where it runs',
    params: IdParams,
    responses: { 202: RemoteBuild },
    problems: ['no-such-build', 'build-over'],
    details: null,
    async handle(d, { params }) {
      await buildOf(d, params.id)
      if ((await cancelBuild(d, params.id)) === 'over') throw new ApiError('build-over', 'the build has ended')
      return { status: 202, body: await buildOf(d, params.id) }
    },
  }),
]
