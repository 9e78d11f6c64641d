import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { cancelBuild } from '../../src/build/cancel.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
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
)('a cancelled build', () => {
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

  const row = (id: string) => estate.d.db.build.findUniqueOrThrow({ where: { id } })
  const dockerfile = (...lines: string[]) => ({
    Dockerfile: [`FROM ${estate.ref('lib/base:1')}`, 'RUN echo a > /a', ...lines].join('\n'),
  })
  const logged = (id: string, words: string) => async () => (await readLog(estate.d, id)).includes(words) || null
  const seen = (words: RegExp) => async () => proxy.seen.some((request) => words.test(request)) || null

  /** Runs it, cancels it once it is `there`, and expects it to end (what it runs would not) with nothing left. Gives the steps it went through. */
  async function cancelled(id: string, there: () => Promise<true | null>): Promise<string[]> {
    const running = build(estate.d, id)
    await eventually('it is there', 90, there)
    expect(await cancelBuild(estate.d, id)).toBe('asked')
    await running
    const over = await row(id)
    expect(over).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' }, digest: null, leaseUntil: null })
    expect(workDirs(id)).toEqual([])
    await eventually('nothing is left at the daemon', 90, async () => {
      const left = await Promise.all([
        estate.daemon.docker('ps', '--all', '--quiet'),
        estate.daemon.docker('images', '--quiet', `drydock-build/${id}`),
        estate.daemon.docker('images', '--quiet', '--filter', 'reference=*/*/*:*.drydock'),
        estate.daemon.docker('images', '--quiet', '--filter', 'dangling=true'),
      ])
      return left.join('') === '' || null
    })
    return (over.steps as { name: string }[]).map((step) => step.name)
  }

  it('never begins where it was queued', async () => {
    const id = await estate.queue('app/queued:1', dockerfile())
    expect(await cancelBuild(estate.d, id)).toBe('cancelled')
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'cancelled', startedAt: null, steps: [] })
    expect(await cancelBuild(estate.d, id)).toBe('over')
  })

  it('ends where the daemon never answers', async () => {
    const id = await estate.queue('app/host:1', dockerfile())
    process.env.DOCKER_HOST = `tcp://127.0.0.1:${silent.port}`
    expect(await cancelled(id, async () => silent.connected() > 0 || null)).toEqual(['host', 'cleanup'])
    expect(await readLog(estate.d, id)).toContain('[cleanup: it goes on after the end of the build]')
  })

  it('ends where the git server never answers', async () => {
    const before = silent.connected()
    const git = { url: `http://127.0.0.1:${silent.port}/a.git`, ref: 'main' }
    const id = await estate.queue('app/checkout:1', dockerfile(), { git })
    const there = async () => silent.connected() > before || null
    expect(await cancelled(id, there)).toEqual(['host', 'checkout', 'cleanup'])
  })

  it('ends where a step of its Dockerfile takes no notice', async () => {
    const id = await estate.queue('app/build:1', dockerfile('RUN trap "" TERM INT; echo now sleeping; sleep 300'))
    expect(await cancelled(id, logged(id, '\nnow sleeping'))).toEqual(['host', 'checkout', 'build', 'cleanup'])
  })

  it('ends where a base never comes', async () => {
    const id = await estate.queue('app/pull:1', { Dockerfile: `FROM ${estate.ref('lib/base:1')}\nRUN true\n` })
    proxy.seen.length = 0
    proxy.fate = ({ path }) => (path.includes('/lib/base/') ? 'silence' : 'through')
    expect(await cancelled(id, seen(/lib\/base/))).toEqual(['host', 'checkout', 'build', 'cleanup'])
  })

  it('ends where its own check hangs, and takes that container away', async () => {
    const id = await estate.queue('app/verify:1', dockerfile(), {
      verify: ['/bin/sh', '-c', 'trap "" TERM INT; echo now checking; sleep 300'],
    })
    expect(await cancelled(id, logged(id, '\nnow checking'))).toEqual(['host', 'checkout', 'build', 'cleanup'])
  })

  it.each([
    ['blob', /^(POST|PATCH|PUT) .*\/blobs\/uploads/],
    ['manifest of the daemon', /^PUT .*\/manifests\//],
    ['tag itself', /^PUT .*\/manifests\/1$/],
  ])('ends where the registry does not take the %s', async (what, stuck) => {
    const name = `app/push-${what.replaceAll(' ', '-')}`
    const id = await estate.queue(`${name}:1`, dockerfile(`RUN echo ${what} > /b`))
    proxy.seen.length = 0
    proxy.fate = ({ method, path }) => (stuck.test(`${method} ${path}`) ? 'silence' : 'through')
    expect(await cancelled(id, seen(stuck))).toEqual(['host', 'checkout', 'build', 'push', 'cleanup'])
    expect(await registry.client.headManifest(name, '1')).toBeNull()
  })
})
