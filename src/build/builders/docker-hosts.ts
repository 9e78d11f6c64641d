import { tmpdir } from 'node:os'
import { isStagingTag } from '../../oci/own-tags.ts'
import { BuildError } from '../build-error.ts'
import type { BuilderContext, BuildJob } from './builder.ts'
import { type DockerRun, docker } from './docker-cli.ts'
import { notedLayers, removeLayers } from './docker-layers.ts'

/** How the docker command reaches a daemon: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH. Empty: as this process does. */
export type DockerEndpoint = { env: Readonly<Record<string, string>> }

/**
 * Where the docker builder finds a daemon. `name` is the builder's name then. `acquire` gives one that this build may use until
 * `release`, and tells `context.host` where it is not this machine's; throws BuildError. `release` takes away whatever the build left
 * there, or the host itself; it may be called at any time, by another process than the one that acquired, and twice. `dir`: the build's
 * directory, where it may still be.
 */
export type DockerHosts = {
  name: string
  /** whether a daemon of these is used by more than one build */
  isShared: boolean
  acquire: (job: BuildJob, context: BuilderContext, signal: AbortSignal) => Promise<DockerEndpoint>
  release: (buildId: string, signal: AbortSignal, dir?: string) => Promise<void>
  /** Takes away what only this attempt has there, by the notes in its directory: another worker has the build by now. */
  releaseLost?: (dir: string, signal: AbortSignal) => Promise<void>
}

/** The local repository of a build's results, one tag a platform; and the name of the container that tries them. No other build uses them. */
export const localRepository = (buildId: string): string => `drydock-build/${buildId}`
export const verifyContainer = (buildId: string): string => `drydock-verify-${buildId}`

/** The daemon that `DOCKER_HOST` or the default socket names: shared with whoever else uses it, so that what a build left is removed. */
export const localDocker: DockerHosts = {
  name: 'docker',
  isShared: true,
  acquire: async () => ({ env: {} }),
  async release(buildId, signal, dir) {
    const layers = dir === undefined ? [] : await notedLayers(dir)
    const run = { configDir: tmpdir(), signal, endpoint: { env: {} } }
    const container = await docker(['rm', '--force', '--volumes', verifyContainer(buildId)], run)
    if (container.code !== 0 && !/No such container/i.test(container.stderr)) throw leftBehind(container.stderr)
    for (const name of await namesOf(buildId, run)) {
      const removed = await docker(['image', 'rm', '--force', name], run)
      if (removed.code !== 0 && !/No such image/i.test(removed.stderr)) throw leftBehind(removed.stderr)
    }
    await removeLayers(layers, run)
  },
  releaseLost: async (dir, signal) =>
    removeLayers(await notedLayers(dir), { configDir: tmpdir(), signal, endpoint: { env: {} } }),
}

/**
 * The build's local tags, after the staging tags that its contents stand under still: a push was cut short. Where another build has the same
 * content (a Dockerfile of nothing but FROM), those are left to that one.
 */
async function namesOf(buildId: string, run: DockerRun): Promise<string[]> {
  const repository = localRepository(buildId)
  const listed = await docker(['images', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}', repository], run)
  if (listed.code !== 0) throw leftBehind(listed.stderr)
  const own = listed.stdout.split('\n').filter(Boolean)
  const ids = [...new Set(own.map((line) => line.split(' ')[0]!))]
  if (ids.length === 0) return []
  const told = await docker(['image', 'inspect', '--format', '{{json .RepoTags}}', ...ids], run)
  if (told.code !== 0 && !/No such image/i.test(told.stderr)) throw leftBehind(told.stderr)
  const staged = told.stdout.split('\n').flatMap((line) => {
    const names = line === '' ? [] : ((JSON.parse(line) ?? []) as string[])
    const shared = names.some((name) => name.startsWith('drydock-build/') && !name.startsWith(`${repository}:`))
    return shared ? [] : names.filter((name) => isStagingTag(name.slice(name.lastIndexOf(':') + 1)))
  })
  return [...staged, ...own.map((line) => line.split(' ')[1]!)]
}

/** The builds that something of ours on this daemon is named after, whoever's they are: their results, and containers that try them. */
export async function buildsNamedThere(signal: AbortSignal): Promise<string[]> {
  const run = { configDir: tmpdir(), signal, endpoint: { env: {} } }
  const asked = [
    ['images', '--format', '{{.Repository}}', '--filter', 'reference=drydock-build/*'],
    ['ps', '--all', '--format', '{{.Names}}', '--filter', 'name=drydock-verify-'],
  ]
  const ids = new Set<string>()
  for (const words of asked) {
    const told = await docker(words, run)
    if (told.code !== 0) throw leftBehind(told.stderr)
    for (const [, id] of told.stdout.matchAll(/^drydock-(?:build\/|verify-)([0-9a-f-]{36})$/gm)) ids.add(id!)
  }
  return [...ids]
}

const leftBehind = (stderr: string): BuildError => new BuildError('cleanup-failed', stderr.trim().slice(-600))
