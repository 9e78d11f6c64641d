import { tmpdir } from 'node:os'
import { BuildError } from '../build-error.ts'
import type { BuilderContext, BuildJob } from './builder.ts'
import { docker } from './docker-cli.ts'

/** How the docker command reaches a daemon: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH. Empty: as this process does. */
export type DockerEndpoint = { env: Readonly<Record<string, string>> }

/**
 * Where the docker builder finds a daemon. `name` is the builder's name then. `acquire` gives one that this build may use until
 * `release`, and tells `context.host` where it is not this machine's; throws BuildError. `release` takes away whatever the build left
 * there, or the host itself; it may be called at any time, by another process than the one that acquired, and twice.
 */
export type DockerHosts = {
  name: string
  acquire: (job: BuildJob, context: BuilderContext, signal: AbortSignal) => Promise<DockerEndpoint>
  release: (buildId: string, signal: AbortSignal) => Promise<void>
}

/** The local repository of a build's results, one tag a platform; and the name of the container that tries them. No other build uses them. */
export const localRepository = (buildId: string): string => `drydock-build/${buildId}`
export const verifyContainer = (buildId: string): string => `drydock-verify-${buildId}`

/** The daemon that `DOCKER_HOST` or the default socket names: shared with whoever else uses it, so that what a build left is removed. */
export const localDocker: DockerHosts = {
  name: 'docker',
  acquire: async () => ({ env: {} }),
  async release(buildId, signal) {
    const run = { configDir: tmpdir(), signal, endpoint: { env: {} } }
    const container = await docker(['rm', '--force', '--volumes', verifyContainer(buildId)], run)
    if (container.code !== 0 && !/No such container/i.test(container.stderr)) throw leftBehind(container.stderr)
    const listed = await docker(['images', '--format', '{{.Repository}}:{{.Tag}}', localRepository(buildId)], run)
    if (listed.code !== 0) throw leftBehind(listed.stderr)
    for (const name of listed.stdout.split('\n').filter(Boolean)) {
      const removed = await docker(['image', 'rm', '--force', name], run)
      if (removed.code !== 0 && !/No such image/i.test(removed.stderr)) throw leftBehind(removed.stderr)
    }
  },
}

const leftBehind = (stderr: string): BuildError => new BuildError('cleanup-failed', stderr.trim().slice(-600))
