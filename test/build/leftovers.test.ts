import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { buildsNamedThere, localDocker, verifyContainer } from '../../src/build/builders/docker-hosts.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { reapDocker } from '../../src/build/reap-docker.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('what the legacy builder leaves', () => {
  let registry: TestRegistry
  let estate: DockerEstate
  let base: string
  beforeAll(async () => {
    registry = await startDebianRegistry()
    estate = await dockerEstate(registry)
    const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(estate.d, 'app', 'ci', CredentialInput.parse(login))
    await estate.pushBase('lib/base:1', 'one')
    base = estate.ref('lib/base:1')
    await estate.build('app/warm:1', { Dockerfile: `FROM ${base}\nRUN echo warm > /warm\n` })
  })
  afterAll(async () => {
    await estate.close()
    await registry.close()
  })

  const contents = async () =>
    (await estate.daemon.docker('images', '--all', '--quiet', '--no-trunc')).split('\n').sort()

  it.each([
    ['succeeded', 'several stages', 'true'],
    ['failed', 'a step that fails', 'exit 3'],
  ])('of a build that %s, with %s, is removed', async (state, what, last) => {
    const before = await contents()
    const name = what.replaceAll(' ', '-')
    const { row } = await estate.build(`app/${name}:1`, {
      Dockerfile: `FROM ${base} AS one\nRUN echo ${name} > /big\nRUN echo 2 > /2\nFROM one AS two\nRUN echo 3 > /3\nFROM ${base}\nCOPY --from=one /big /big\nRUN ${last}\n`,
    })
    expect(row.state).toBe(state)
    expect(await contents()).toEqual(before)
  })

  it('is removed only where nothing needs it: not what has a name, another build or children', async () => {
    const { docker } = estate.daemon
    const dir = mkdtempSync(join(tmpdir(), 'leftovers-'))
    const id = randomUUID()
    const named = await docker('images', '--quiet', base)
    const before = await contents()
    writeFileSync(join(dir, 'layers'), `${named.trim().slice(0, 12)}\n${'0'.repeat(12)}\nno id\n`)
    // A push of the same content by another build goes on: its staging name stays until that one is cleaned up.
    const other = randomUUID()
    await docker('tag', base, `drydock-build/${id}:1`)
    await docker('tag', base, `drydock-build/${other}:1`)
    await docker('tag', base, estate.ref('app/other:1.drydock'))
    await localDocker.release(id, AbortSignal.timeout(120_000), dir)
    expect((await docker('images', '--quiet', estate.ref('app/other'))).trim()).toBe(named.trim())
    await localDocker.release(other, AbortSignal.timeout(120_000), dir)
    expect((await docker('images', '--quiet', estate.ref('app/other'))).trim()).toBe('')
    expect(await contents()).toEqual(before)
    rmSync(dir, { recursive: true })
  })

  it('of a build that went on at another host goes once it is over; of one that runs, or that nobody here knows, nothing does', async () => {
    const { docker } = estate.daemon
    const [over, running, foreign] = [randomUUID(), randomUUID(), randomUUID()]
    for (const [id, state] of [
      [over, 'failed'],
      [running, 'running'],
    ] as const)
      await estate.pg.sql`
        insert into build (id, ref, state, key, reason, recipe, started_at, finished_at, lease_until)
        values (${id}, ${`h/${id}:1`}, ${state}, 'k', '{}', '{}', now(), ${state === 'failed' ? new Date() : null}, now() + interval '1 hour')`
    for (const id of [over, running, foreign]) {
      await docker('tag', base, `drydock-build/${id}:1`)
      await docker('run', '--detach', '--name', verifyContainer(id), '--entrypoint', '/bin/sleep', base, '600')
    }
    const signal = AbortSignal.timeout(120_000)
    expect(await reapDocker({ ...estate.d, config: { ...estate.d.config, builder: 'remote' } }, signal)).toEqual([])
    expect(await reapDocker(estate.d, signal)).toEqual([over])
    expect((await buildsNamedThere(signal)).sort()).toEqual([running, foreign].sort())
    expect((await docker('ps', '--format', '{{.Names}}')).trim().split('\n').sort()).toEqual(
      [running, foreign].map(verifyContainer).sort(),
    )
    for (const id of [running, foreign]) await localDocker.release(id, signal)
    expect(await buildsNamedThere(signal)).toEqual([])
  })

  it('of an attempt that lost its build is removed where only that attempt can have left it', async () => {
    const { docker } = estate.daemon
    const before = await contents()
    const dir = mkdtempSync(join(tmpdir(), 'leftovers-'))
    const id = randomUUID()
    await docker('tag', base, `drydock-build/${id}:1`)
    writeFileSync(join(dir, 'Dockerfile'), `FROM ${base}\nRUN echo ${id} > /mine\n`)
    const made = (await docker('build', '--quiet', '--no-cache', dir)).trim().replace('sha256:', '')
    writeFileSync(join(dir, 'layers'), `${made.slice(0, 12)}\n`)
    await localDocker.releaseLost!(dir, AbortSignal.timeout(120_000))
    expect((await docker('images', '--quiet', `drydock-build/${id}`)).trim()).not.toBe('')
    await localDocker.release(id, AbortSignal.timeout(120_000))
    expect(await contents()).toEqual(before)
    rmSync(dir, { recursive: true })
  })
})
