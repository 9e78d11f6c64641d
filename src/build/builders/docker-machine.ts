import type { Deps } from '../../deps.ts'
import { BuildError } from '../build-error.ts'
import { askDaemon } from '../machines/ask-daemon.ts'
import { machineHosts } from '../machines/machine-hosts.ts'
import type { Builder } from './builder.ts'
import { dockerBuilder } from './docker.ts'
import type { DockerEndpoint } from './docker-hosts.ts'

/**
 * The docker builder, on a brand-new machine for each build (src/build/machines/machine-hosts.ts). A build that failed because its machine was
 * lost fails as `machine-lost`, which another time may pass: the recipe is not to blame.
 */
export function dockerMachineBuilder(d: Pick<Deps, 'config' | 'registries' | 'sql' | 'log'>): Builder {
  const hosts = machineHosts(d)
  return {
    ...dockerBuilder(d, hosts),
    async run(job, context) {
      const found: DockerEndpoint[] = []
      const acquire: typeof hosts.acquire = async (...asked) => {
        const endpoint = await hosts.acquire(...asked)
        found.push(endpoint)
        return endpoint
      }
      try {
        return await dockerBuilder(d, { ...hosts, acquire }).run(job, context)
      } catch (error) {
        throw await blamed(error, found[0], context.signal)
      }
    },
  }
}

async function blamed(error: unknown, endpoint: DockerEndpoint | undefined, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof BuildError) || endpoint === undefined || signal.aborted) return error
  const why = await askDaemon(endpoint.env, signal).catch((): null => null) // cancelled meanwhile
  if (why === null) return error
  return new BuildError('machine-lost', `its machine does not answer any more (${why}); ${error.message}`, {
    retryable: true,
    cause: error,
  })
}
