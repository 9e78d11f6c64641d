import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { noteOverLeases } from '../../src/build/claim.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { requestBuild } from '../../src/build/request.ts'
import { eventually } from '../../src/demo/watch.ts'
import { dockerEstate } from '../support/docker-estate.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { workDirs } from '../support/work-dirs.ts'

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('a build whose worker is killed', () => {
  let registry: TestRegistry
  let estate: Awaited<ReturnType<typeof dockerEstate>>
  beforeAll(async () => {
    registry = await startDebianRegistry()
    estate = await dockerEstate(registry)
    const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(estate.d, 'app', 'ci', CredentialInput.parse(login))
    await estate.pushBase('lib/base:1', 'one')
  })
  afterAll(async () => {
    await estate.close()
    await registry.close()
  })

  const queue = async (name: string) => {
    estate.git.commit(name, { Dockerfile: `FROM ${estate.ref('lib/base:1')}\nRUN echo ${name} > /name\n` })
    const git = { url: `${estate.git.origin}/${name}.git`, ref: 'main', credential: 'ci' }
    await putRecipe(estate.d, estate.ref(`app/${name}:1`), Recipe.parse({ git, tags: ['latest'] }))
    const requested = await requestBuild(estate.d, {
      ref: estate.ref(`app/${name}:1`),
      reason: { kind: 'manual' },
      root: null,
    })
    if (requested === 'no-recipe') throw new Error('there is a recipe')
    return requested.build.id
  }
  const killAt = async (id: string, point: string) => {
    const args = [join(import.meta.dirname, 'hanging-worker.ts'), estate.pg.url, registry.url, registry.host, id, point]
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    expect(String(said)).toBe('here\n')
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const head = async (name: string, tag = '1') => (await estate.client.headManifest(`app/${name}`, tag))?.digest ?? null

  it.each([
    ['host begins', false],
    ['checkout begins', false],
    ['checkout ends', false],
    ['build begins', false],
    ['build ends', false],
    ['push begins', false],
    ['to be intended', false],
    ['intended', false],
    ['push ends', true],
    ['cleanup begins', true],
    ['cleanup ends', true],
    ['pushed', true],
    ['recorded', true],
  ])('at "%s" ends as one push, with nothing left', async (point, isPushed) => {
    const name = point.replaceAll(' ', '-')
    const id = await queue(name)
    await killAt(id, point)
    const before = await head(name)
    expect(before !== null).toBe(isPushed)
    expect(await estate.d.db.build.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'running' })
    await estate.pg.sql`update build set lease_until = null, claim_token = gen_random_uuid() where id = ${id}`
    await build(estate.d, id)

    const row = await estate.d.db.build.findUniqueOrThrow({ where: { id } })
    expect(row).toMatchObject({ state: 'succeeded', error: null, leaseUntil: null, digest: await head(name) })
    if (isPushed) expect(row.digest).toBe(before)
    expect(await head(name, 'latest')).toBe(row.digest)
    expect(await readLog(estate.d, id)).toContain('was interrupted')
    expect((await readLog(estate.d, id)).includes('it had pushed')).toBe(isPushed)
    expect(await estate.d.db.declaration.count({ where: { source: id } })).toBe(1)
    // this registry removes no single tags, so that the staging tag stays, as it does without a crash
    expect(await estate.tags(`app/${name}`)).toEqual(['1', '1.drydock', 'latest'])
    expect(workDirs(id)).toEqual([])
    expect(await estate.daemon.docker('images', '--quiet', `drydock-build/${id}`)).toBe('')
    await eventually(
      'no container is left',
      90,
      async () => (await estate.daemon.docker('ps', '--quiet')) === '' || null,
    )
  })

  it('is taken over once its lease is over, and not before', async () => {
    const id = await queue('leased')
    await killAt(id, 'build begins')
    const { leaseUntil } = await estate.d.db.build.findUniqueOrThrow({ where: { id } })
    expect(leaseUntil!.getTime() - Date.now()).toBeLessThanOrEqual(15_000)
    await build(estate.d, id)
    expect(await estate.d.db.build.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'running' })
    while ((await estate.d.db.build.findUniqueOrThrow({ where: { id } })).state === 'running') {
      await delay(500)
      await noteOverLeases(estate.d)
      await build(estate.d, id)
    }
    expect(Date.now()).toBeGreaterThan(leaseUntil!.getTime())
    expect(await head('leased')).not.toBeNull()
  })
})
