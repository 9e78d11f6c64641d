import type { RemoteJob } from '../../src/build/service/job.ts'
import type { RemoteBuild } from '../../src/build/service/remote-build.ts'
import { makeService, type TestService } from './service.ts'

export const builderToken = 'a-builder-token-for-tests'

type Problem = { code: string; detail: string; errors?: { path: string; message: string }[] }
export type Said<T> = { status: number; body: T & Problem }

/** A build service as a process of its own, `serve --roles builder`, on a database of its own. */
export type BuildService = Omit<TestService, 'start' | 'api'> & {
  start: () => Promise<void>
  ask: <T = RemoteBuild>(method: string, path: string, body?: unknown, token?: string) => Promise<Said<T>>
  send: (job: RemoteJob) => Promise<Said<RemoteBuild>>
  build: (id: string) => Promise<RemoteBuild>
}

export async function makeBuildService(
  databaseUrl: string,
  dockerHost: string,
  more: Record<string, string> = {},
): Promise<BuildService> {
  const service = await makeService(databaseUrl)
  const settings = {
    DRYDOCK_BUILDER: 'docker',
    DRYDOCK_BUILDER_TOKEN: builderToken,
    DRYDOCK_GIT_PROTOCOLS: 'http',
    DOCKER_HOST: dockerHost,
    ...more,
  }
  const ask: BuildService['ask'] = async <T>(method: string, path: string, body?: unknown, token = builderToken) => {
    const answer = await fetch(`${service.url}/builder/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as T & Problem }
  }
  return {
    ...service,
    start: () => service.start(settings, 'builder'),
    ask,
    send: (job) => ask('POST', '/builds', job),
    build: async (id) => (await ask('GET', `/builds/${id}`)).body,
  }
}
