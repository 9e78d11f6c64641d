import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import type { StepName } from '../../src/build/builders/builder.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { Builds } from '../../src/build-settings.ts'
import { eventually } from '../../src/demo/watch.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'
import { requires } from '../support/requires.ts'
import { type SilentServer, silentServer } from '../support/silent-server.ts'
import { workDirs } from '../support/work-dirs.ts'

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('a step that takes too long', () => {
  let registry: TestRegistry
  let proxy: RegistryProxy
  let silent: SilentServer
  let estate: DockerEstate
  beforeAll(async () => {
    registry = await startDebianRegistry()
    proxy = await registryProxy(registry.port)
    silent = await silentServer()
    estate = await dockerEstate(proxy)
    const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(estate.d, 'app', 'ci', CredentialInput.parse(login))
    await estate.pushBase('lib/base:1', 'one')
  })
  afterEach(() => {
    proxy.fate = () => 'through'
    process.env.DOCKER_HOST = estate.daemon.host
  })
  afterAll(async () => {
    await estate.close()
    await silent.close()
    await proxy.close()
    await registry.close()
  })

  const dockerfile = (line: string) => ({ Dockerfile: `FROM ${estate.ref('lib/base:1')}\nRUN ${line}\n` })

  /** Builds with a limit of one second for these steps, and gives the row and how each step ended. */
  async function outOf(id: string, ...limited: StepName[]) {
    const timeouts = Object.fromEntries(limited.map((step) => [step, 1]))
    const config = { ...estate.d.config, builds: Builds.parse({ timeouts }) }
    await build({ ...estate.d, config }, id)
    const row = await estate.d.db.build.findUniqueOrThrow({ where: { id } })
    expect(workDirs(id)).toEqual([])
    const steps = row.steps as { name: string; finishedAt: string | null; error: { code: string } | null }[]
    expect(steps.every(({ finishedAt }) => finishedAt !== null)).toBe(true)
    return { row, steps: steps.map(({ name, error }) => `${name} ${error?.code ?? 'ok'}`) }
  }
  const failed = (step: string) => ({
    state: 'failed',
    error: { code: 'timed-out', message: `${step} took longer than 1 s`, retryable: true },
    digest: null,
  })
  const nothingRuns = () =>
    eventually('no container is left', 90, async () => (await estate.daemon.docker('ps', '-aq')) === '' || null)

  it('ends the build: a daemon that never answers, not even to clean up', async () => {
    const id = await estate.queue('app/host:1', dockerfile('true'))
    process.env.DOCKER_HOST = `tcp://127.0.0.1:${silent.port}`
    const { row, steps } = await outOf(id, 'host', 'cleanup')
    expect(row).toMatchObject(failed('host'))
    expect(steps).toEqual(['host timed-out', 'cleanup timed-out'])
  })

  it('ends the build: a git server that never answers', async () => {
    const git = { url: `http://127.0.0.1:${silent.port}/a.git`, ref: 'main' }
    const { row, steps } = await outOf(await estate.queue('app/checkout:1', dockerfile('true'), { git }), 'checkout')
    expect(row).toMatchObject(failed('checkout'))
    expect(steps).toEqual(['host ok', 'checkout timed-out', 'cleanup ok'])
  })

  it('ends the build, and what runs in it', async () => {
    const { row, steps } = await outOf(await estate.queue('app/build:1', dockerfile('sleep 300')), 'build')
    expect(row).toMatchObject(failed('build'))
    expect(steps).toEqual(['host ok', 'checkout ok', 'build timed-out', 'cleanup ok'])
    await nothingRuns()
  })

  it('ends the build, and the container of its own check', async () => {
    const verify = ['/bin/sh', '-c', 'trap "" TERM INT; sleep 300']
    const id = await estate.queue('app/verify:1', { Dockerfile: `FROM ${estate.ref('lib/base:1')}\n` }, { verify })
    const { row, steps } = await outOf(id, 'build')
    expect(row).toMatchObject(failed('build'))
    expect(steps).toEqual(['host ok', 'checkout ok', 'build timed-out', 'cleanup ok'])
    await nothingRuns()
    expect(await registry.client.headManifest('app/verify', '1')).toBeNull()
  })

  it('ends the build: a registry that takes no blob', async () => {
    const id = await estate.queue('app/push:1', dockerfile('echo p > /p'))
    proxy.fate = ({ method }) => (method === 'POST' ? 'silence' : 'through')
    const { row, steps } = await outOf(id, 'push')
    expect(row).toMatchObject(failed('push'))
    expect(steps).toEqual(['host ok', 'checkout ok', 'build ok', 'push timed-out', 'cleanup ok'])
    expect(await estate.daemon.docker('images', '--quiet', `drydock-build/${id}`)).toBe('')
  })

  it('is not waited for where nobody listens at the address of the daemon', async () => {
    const id = await estate.queue('app/none:1', dockerfile('true'))
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1'
    const { row } = await outOf(id)
    expect(row).toMatchObject({ state: 'failed', error: { code: 'docker-absent', retryable: true } })
  })
})
