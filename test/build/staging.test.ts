import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { cancelBuild } from '../../src/build/cancel.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
import { eventually } from '../../src/demo/watch.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { startSmall, type TestRegistry } from '../support/registry.ts'
import { type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'
import { requires } from '../support/requires.ts'

/** In a registry that removes single tags. */
requires(
  'docker',
  'git',
  'klibc',
)('a staging tag', () => {
  let registry: TestRegistry
  let proxy: RegistryProxy
  let estate: DockerEstate
  beforeAll(async () => {
    registry = await startSmall()
    proxy = await registryProxy(registry.port)
    estate = await dockerEstate(proxy)
    const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(estate.d, 'app', 'ci', CredentialInput.parse(login))
  }, 120_000)
  afterEach(() => {
    proxy.fate = () => 'through'
  })
  afterAll(async () => {
    await estate.close()
    await proxy.close()
    await registry.close()
  })

  const files = (name: string) => ({ Dockerfile: 'FROM scratch\nCOPY name /\n', name })
  const row = (id: string) => estate.d.db.build.findUniqueOrThrow({ where: { id } })
  const seen = (words: RegExp) => async () => proxy.seen.some((request) => words.test(request)) || null
  /** The registry never answers this. */
  const hold = (words: RegExp) => {
    proxy.seen.length = 0
    proxy.fate = ({ method, path }) => (words.test(`${method} ${path}`) ? 'silence' : 'through')
  }
  /** Runs it in a process of its own, killed while the registry does not answer this. */
  const killWhileHeld = async (id: string, words: RegExp) => {
    hold(words)
    const args = [join(import.meta.dirname, 'worker.ts'), estate.pg.url, proxy.url, proxy.host, id]
    const env = { ...process.env, NODE_OPTIONS: '' }
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
    const gone = once(child, 'exit')
    await eventually('the registry is asked', 60, seen(words))
    child.kill('SIGKILL')
    await gone
    proxy.fate = () => 'through'
    await estate.pg.sql`update build set lease_until = null where id = ${id}`
  }

  it('of a worker that was killed between its push and the removal is removed by the one who takes over', async () => {
    const id = await estate.queue('app/pushed:1', files('pushed'))
    await killWhileHeld(id, /^DELETE .*\/manifests\/1\.drydock$/)
    expect(await estate.tags('app/pushed')).toEqual(['1', '1.drydock'])
    const digest = (await registry.client.headManifest('app/pushed', '1'))?.digest
    proxy.seen.length = 0
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', digest })
    expect(await estate.tags('app/pushed')).toEqual(['1'])
    expect(proxy.seen.filter((request) => request.startsWith('PUT '))).toEqual([])
    expect(await readLog(estate.d, id)).not.toContain('stays')
  }, 90_000)

  it('of a worker that was killed before its push is taken again, and removed with the second', async () => {
    const id = await estate.queue('app/before:1', files('before'))
    await killWhileHeld(id, /^PUT .*\/manifests\/1$/)
    expect(await estate.tags('app/before')).toEqual(['1.drydock'])
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded' })
    expect(await estate.tags('app/before')).toEqual(['1'])
  }, 90_000)

  it('of a build at which three workers died goes with it', async () => {
    const id = await estate.queue('app/poison:1', files('poison'))
    await killWhileHeld(id, /^PUT .*\/manifests\/1$/)
    await estate.pg.sql`update build set deaths = 3 where id = ${id}`
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'worker-died' } })
    expect(await estate.tags('app/poison')).toEqual([])
  }, 90_000)

  it('of a build that is cancelled in its push goes with it', async () => {
    const id = await estate.queue('app/cancelled:1', files('cancelled'))
    hold(/^PUT .*\/manifests\/1$/)
    const running = build(estate.d, id)
    await eventually('it pushes', 60, seen(/^PUT .*\/manifests\/1$/))
    expect(await cancelBuild(estate.d, id)).toBe('asked')
    await running
    expect(await row(id)).toMatchObject({ state: 'cancelled' })
    expect(await estate.tags('app/cancelled')).toEqual([])
  }, 60_000)

  it('of a push that fails goes with it; one that cannot be removed is told, and fails no build', async () => {
    const refused = { status: 403, body: JSON.stringify({ errors: [{ code: 'DENIED', message: 'no' }] }) }
    proxy.fate = ({ method, path }) => (/^PUT .*\/manifests\/1$/.test(`${method} ${path}`) ? refused : 'through')
    const first = await estate.build('app/failed:1', files('failed'))
    expect(first.row).toMatchObject({ state: 'failed', error: { code: 'push-refused' } })
    expect(await estate.tags('app/failed')).toEqual([])
    proxy.fate = ({ method }) => (method === 'DELETE' ? refused : 'through')
    const second = await estate.build('app/failed:1', files('failed'))
    expect(second.row).toMatchObject({ state: 'succeeded', error: null })
    expect(second.log).toContain('1.drydock stays')
    expect(await estate.tags('app/failed')).toEqual(['1', '1.drydock'])
  }, 60_000)
})
