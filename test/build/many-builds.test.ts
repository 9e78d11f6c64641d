import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
import { eventually } from '../../src/demo/watch.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'
import { requires } from '../support/requires.ts'
import { makeService } from '../support/service.ts'

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('many builds', () => {
  let registry: TestRegistry
  let proxy: RegistryProxy
  let estate: DockerEstate
  beforeAll(async () => {
    registry = await startDebianRegistry()
    proxy = await registryProxy(registry.port)
    estate = await dockerEstate(proxy)
  })
  afterAll(async () => {
    await estate.close()
    await proxy.close()
    await registry.close()
  })

  const pushes = (repository: string) => proxy.seen.filter((it) => it === `PUT /v2/${repository}/manifests/1`).length

  it('of 20 recipes go through 2 workers of the service: each once, never more than two at a time', async () => {
    const pg: TestDatabase = await testDatabase()
    const service = await makeService(pg.url)
    try {
      await service.start({
        DRYDOCK_REGISTRY_URL: proxy.url,
        DRYDOCK_REGISTRY_NAME: proxy.host,
        DRYDOCK_BUILDER: 'docker',
        DRYDOCK_BUILD_WORKERS: '2',
        DRYDOCK_GIT_PROTOCOLS: 'http',
        DOCKER_HOST: estate.daemon.host,
      })
      const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
      for (const team of ['red', 'blue']) await service.api('PUT', `/namespaces/${team}/credentials/ci`, login)
      const names = Array.from({ length: 20 }, (_, i) => `${i % 2 === 0 ? 'red' : 'blue'}/app${i}`)
      for (const name of names) {
        estate.git.commit(name, { Dockerfile: 'FROM scratch\nCOPY name /\n', name })
        const git = { url: `${estate.git.origin}/${name}.git`, ref: 'main', credential: 'ci' }
        await service.api('PUT', `/recipes/${encodeURIComponent(estate.ref(`${name}:1`))}`, { git })
      }
      await Promise.all(names.map((name) => service.api('POST', '/builds', { ref: estate.ref(`${name}:1`) })))
      const most = { running: 0 }
      await eventually('all have ended', 600, async () => {
        const counts = await pg.sql<
          { state: string; number: bigint }[]
        >`select state, count(*) as number from build group by state`
        const of = (state: string) => Number(counts.find((row) => row.state === state)?.number ?? 0)
        most.running = Math.max(most.running, of('running'))
        return of('queued') + of('running') === 0 || null
      })
      expect(most.running).toBeLessThanOrEqual(2)
      const builds = await pg.db.build.findMany()
      expect(builds.map(({ ref, state, error }) => [ref, state, error]).sort()).toEqual(
        names.map((name) => [estate.ref(`${name}:1`), 'succeeded', null]).sort(),
      )
      expect(mostAtOnce(builds)).toBe(2)
      expect(names.map(pushes)).toEqual(names.map(() => 1))
    } finally {
      await service.close()
      await pg.close()
    }
  }, 900_000)

  it('that two processes race for are each done by one of them', async () => {
    const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(estate.d, 'race', 'ci', CredentialInput.parse(login))
    const ids = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        estate.queue(`race/${name}:1`, { Dockerfile: 'FROM scratch\nCOPY name /\n', name }),
      ),
    )
    const run = async (id: string) => {
      const args = [join(import.meta.dirname, 'worker.ts'), estate.pg.url, proxy.url, proxy.host, id]
      const child = spawn(process.execPath, args, {
        env: { ...process.env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      expect((await once(child, 'exit'))[0]).toBe(0)
    }
    for (const id of ids) {
      await Promise.all([run(id), run(id)])
      expect(await estate.d.db.build.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'succeeded' })
      const log = await readLog(estate.d, id)
      expect(log.match(/^checked out /gm)).toHaveLength(1)
      expect(log).not.toContain('interrupted')
    }
    expect(['race/a', 'race/b', 'race/c'].map(pushes)).toEqual([1, 1, 1])
  })
})

/** By what their rows say of when they ran. */
function mostAtOnce(builds: { startedAt: Date | null; finishedAt: Date | null }[]): number {
  const turns = builds.flatMap(({ startedAt, finishedAt }) => [
    { at: startedAt!.getTime(), by: 1 },
    { at: finishedAt!.getTime(), by: -1 },
  ])
  let [now, most] = [0, 0]
  for (const { by } of turns.sort((a, b) => a.at - b.at || a.by - b.by)) {
    now += by
    most = Math.max(most, now)
  }
  return most
}
