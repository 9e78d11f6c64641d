import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { cancelBuild } from '../../src/build/cancel.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { type BuildReason, requestBuild } from '../../src/build/request.ts'
import type { Deps } from '../../src/deps.ts'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import { type Dockerd, startDockerd } from '../support/docker.ts'
import { type GitFile, type GitServer, startGitServer } from '../support/git-server.ts'
import { writeKlibcBase } from '../support/klibc.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { workDirs } from '../support/work-dirs.ts'
import { buildDeps, learnTags } from './world.ts'

const password = 's3cret-git-password'

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('a build with Docker, from git with a password', () => {
  let pg: TestDatabase
  let registry: TestRegistry
  let git: GitServer
  let daemon: Dockerd
  let context: string
  let d: Deps
  let base: Digest
  const ref = (name: string) => `${registry.host}/${name}:1`

  beforeAll(async () => {
    pg = await testDatabase()
    registry = await startDebianRegistry()
    git = await startGitServer({ username: 'ci', password })
    daemon = await startDockerd()
    process.env.DOCKER_HOST = daemon.host
    context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
    d = buildDeps(pg, registry)
    const credential = { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password }
    await putCredential(d, 'app', 'ci', CredentialInput.parse(credential))
    base = await moveBase('one')
  })
  afterAll(async () => {
    delete process.env.DOCKER_HOST
    d.registries.close()
    await daemon.close()
    await git.close()
    await registry.close()
    await pg.close()
    rmSync(context, { recursive: true, force: true })
  })

  const moveBase = async (release: string): Promise<Digest> => {
    writeKlibcBase(context, release)
    await daemon.docker('build', '--quiet', '--tag', ref('lib/base'), context)
    const said = await daemon.docker('push', ref('lib/base'))
    await learnTags(d, [ref('lib/base')])
    return parseDigest(/digest: (\S+)/.exec(said)?.[1])!
  }
  const request = async (
    name: string,
    files: Record<string, GitFile>,
    recipe = {},
    reason: BuildReason = { kind: 'manual' },
  ) => {
    git.commit(name, files)
    const source = { url: `${git.origin}/${name}.git`, ref: 'main', credential: 'ci' }
    await putRecipe(d, ref(`app/${name}`), Recipe.parse({ git: source, ...recipe }))
    const requested = await requestBuild(d, { ref: ref(`app/${name}`), reason, root: null })
    if (requested === 'no-recipe') throw new Error('there is a recipe')
    return requested.build.id
  }
  const row = (id: string) => d.db.build.findUniqueOrThrow({ where: { id } })
  const until = async (what: string, ok: () => Promise<boolean>) => {
    for (const end = Date.now() + 90_000; Date.now() < end; await delay(50)) if (await ok()) return
    throw new Error(`not in 90 s: ${what}`)
  }
  const left = (id: string) => workDirs(id).length > 0
  const containers = async () => (await daemon.docker('ps', '--quiet')).trim()

  it('records commit, bases and digest, and leaves no secret anywhere', async () => {
    const commit = git.commit('child', { Dockerfile: '' })
    const id = await request('child', {
      Dockerfile: `FROM ${ref('lib/base')}\nCOPY Dockerfile /child\nRUN echo child > /c\n`,
    })
    await build(d, id)
    const done = await row(id)
    expect(done).toMatchObject({ state: 'succeeded', error: null, builder: 'docker' })
    expect(done.commit).toMatch(/^[0-9a-f]{40}$/)
    expect(done.commit).not.toBe(commit)
    expect(done.bases).toEqual([{ name: ref('lib/base'), digest: base, role: 'runtime', pinned: false }])
    expect((done.steps as { name: string }[]).map((step) => step.name)).toEqual([
      'host',
      'checkout',
      'build',
      'push',
      'cleanup',
    ])
    const tag = await d.db.tag.findUniqueOrThrow({ where: { ref: ref('app/child') } })
    expect(tag).toMatchObject({ status: 'current', headDigest: done.digest })
    const bases = (tag.platforms as { bases: object[] }[])[0]?.bases
    expect(bases).toMatchObject([
      { ref: ref('lib/base'), evidence: expect.arrayContaining(['build']), confidence: 'declared' },
    ])
    const stored = JSON.stringify([
      await readLog(d, id),
      await pg.sql`select * from build`,
      await pg.sql`select * from build_log`,
    ])
    for (const form of [password, Buffer.from(`ci:${password}`).toString('base64')]) expect(stored).not.toContain(form)
    expect(left(id)).toBe(false)
  })

  it('hides a secret that the build itself prints', async () => {
    const id = await request('leak', { Dockerfile: `FROM ${ref('lib/base')}\nRUN echo the password is ${password}\n` })
    await build(d, id)
    expect(await readLog(d, id)).toContain('the password is ***')
  })

  it('puts a child on what its base became, and the flag is gone', async () => {
    const first = await request('mover', { Dockerfile: `ARG B=${ref('lib/base')}\nFROM $B\nRUN echo a > /a\n` })
    await build(d, first)
    base = await moveBase('two')
    expect(await d.db.tag.findUniqueOrThrow({ where: { ref: ref('app/mover') } })).toMatchObject({ status: 'outdated' })
    const reason = { kind: 'base-moved' as const, base: ref('lib/base'), to: base }
    const again = await requestBuild(d, { ref: ref('app/mover'), reason, root: `${ref('lib/base')}@${base}` })
    if (again === 'no-recipe') throw new Error('there is a recipe')
    await build(d, again.build.id)
    expect(await row(again.build.id)).toMatchObject({ state: 'succeeded', bases: [{ digest: base }] })
    expect(await d.db.tag.findUniqueOrThrow({ where: { ref: ref('app/mover') } })).toMatchObject({ status: 'current' })
  })

  it('fails as still-outdated where building cannot help', async () => {
    const Dockerfile = `FROM ${ref('lib/base')}@${base}\nRUN echo p > /p\n`
    const old = base
    base = await moveBase('three')
    const reason = { kind: 'base-moved' as const, base: ref('lib/base'), from: old, to: base }
    const id = await request('pinned', { Dockerfile }, {}, reason)
    await build(d, id)
    const failed = await row(id)
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'still-outdated' }, digest: expect.any(String) })
    expect(failed.bases).toEqual([{ name: ref('lib/base'), digest: old, role: 'runtime', pinned: true }])
  })

  it('ends on a cancel, with nothing left running and nothing pushed', async () => {
    const id = await request('slow', { Dockerfile: `FROM ${ref('lib/base')}\nRUN echo now sleeping; sleep 300\n` })
    const running = build(d, id)
    await until('it sleeps', async () => (await readLog(d, id)).includes('now sleeping\n'))
    expect(await cancelBuild(d, id)).toBe('asked')
    await running
    expect(await row(id)).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' }, digest: null })
    await until('its container is gone', async () => (await containers()) === '')
    expect(await registry.client.headManifest('app/slow', '1')).toBeNull()
    expect(left(id)).toBe(false)
  })

  it('is finished by another worker when its own is killed', async () => {
    const id = await request('killed', { Dockerfile: `FROM ${ref('lib/base')}\nRUN echo now sleeping; sleep 300\n` })
    const worker = join(import.meta.dirname, 'worker.ts')
    const child = spawn(process.execPath, [worker, pg.url, registry.url, registry.host, id], {
      env: { ...process.env },
      stdio: 'ignore',
    })
    await until('it sleeps', async () => (await readLog(d, id)).includes('now sleeping\n'))
    child.kill('SIGKILL')
    git.commit('killed', { Dockerfile: `FROM ${ref('lib/base')}\nRUN echo killed > /k\n` })
    const [dir = ''] = workDirs(id)
    expect(readdirSync(dir).some((name) => name.startsWith('pid-'))).toBe(true)
    expect(await row(id)).toMatchObject({ state: 'running' })
    await pg.sql`update build set lease_until = null, claim_token = gen_random_uuid() where id = ${id}`
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', error: null })
    expect(await readLog(d, id)).toContain('was interrupted')
    expect(left(id)).toBe(false)
    await until('no container is left', async () => (await containers()) === '')
  })

  it.each([
    ['a Dockerfile outside its checkout', { Dockerfile: { link: '/etc/passwd' } }, {}, 'dockerfile-outside-checkout'],
    ['no Dockerfile', { README: '' }, {}, 'dockerfile-missing'],
    ['an argument nobody gave', { Dockerfile: 'ARG B\nFROM $B' }, {}, 'unresolved-arg'],
    ['a step that fails', { Dockerfile: 'FROM scratch\nCOPY nothing /' }, {}, 'build-failed'],
  ])('fails with a clear reason: %s', async (_name, files: Record<string, GitFile>, recipe, code) => {
    const id = await request(`bad-${code}`, files, recipe)
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code }, digest: null })
    expect(left(id)).toBe(false)
  })

  it('never starts a remote helper, even where a stored recipe names one', async () => {
    const id = await request('ext', { Dockerfile: 'FROM scratch' })
    const marker = join(context, 'pwned')
    await pg.sql`
      update build set recipe = jsonb_set(recipe, '{git,url}', to_jsonb(${`ext::sh -c touch% ${marker}`}::text)) where id = ${id}`
    await build(d, id)
    expect(await row(id)).toMatchObject({
      state: 'failed',
      error: { code: expect.stringMatching(/^git-(url|protocol)$/) },
    })
    expect(existsSync(marker)).toBe(false)
  })

  it('does not send a credential to another address than its own', async () => {
    const other = await startGitServer({ username: 'ci', password })
    other.commit('app', { Dockerfile: 'FROM scratch' })
    const id = await request(
      'elsewhere',
      {},
      { git: { url: `${other.origin}/app.git`, ref: 'main', credential: 'ci' } },
    )
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'credential-not-for-url' } })
    expect(other.requests).toEqual([])
    await other.close()
  })
})
