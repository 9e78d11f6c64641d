import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../../src/build/build.ts'
import { cancelBuild } from '../../../src/build/cancel.ts'
import { CredentialInput, putCredential } from '../../../src/build/credentials.ts'
import { readLog } from '../../../src/build/logs.ts'
import { Recipe } from '../../../src/build/recipe.ts'
import { putRecipe } from '../../../src/build/recipes.ts'
import { requestBuild } from '../../../src/build/request.ts'
import type { RemoteJob } from '../../../src/build/service/job.ts'
import { isOver } from '../../../src/build/service/remote-build.ts'
import { sealGrant } from '../../../src/build/service/seal.ts'
import { type SmallRegistry, startSmallRegistry } from '../../../src/demo/registry/small-registry.ts'
import { eventually } from '../../../src/demo/watch.ts'
import type { Deps } from '../../../src/deps.ts'
import { type BuildService, builderToken, makeBuildService } from '../../support/build-service.ts'
import { type Dockerd, startDockerd } from '../../support/docker.ts'
import { type GitServer, startGitServer } from '../../support/git-server.ts'
import { writeKlibcBase } from '../../support/klibc.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { registryProxy } from '../../support/registry-proxy.ts'
import { requires } from '../../support/requires.ts'
import { buildDeps, learnTags } from '../world.ts'

const password = 's3cret-git-password'
const worker = new URL('../worker.ts', import.meta.url).pathname

requires(
  'docker',
  'git',
  'klibc',
)('builds at a build service', () => {
  let [pg, servicePg]: TestDatabase[] = []
  let registry: SmallRegistry
  let git: GitServer
  let daemon: Dockerd
  let [service, second]: BuildService[] = []
  let context: string
  let d: Deps
  const ref = (name: string) => `${registry.host}/${name}:1`
  const remote = () => ({ builder: 'remote' as const, builderUrl: service!.url, builderToken })

  beforeAll(async () => {
    ;[pg, servicePg] = [await testDatabase(), await testDatabase()]
    registry = await startSmallRegistry()
    git = await startGitServer({ username: 'ci', password })
    daemon = await startDockerd()
    service = await makeBuildService(servicePg.url, daemon.host, { DRYDOCK_BUILD_WORKERS: '1' })
    await service.start()
    context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
    d = buildDeps(pg, registry, remote())
    const credential = { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password }
    await putCredential(d, 'app', 'ci', CredentialInput.parse(credential))
    writeKlibcBase(context, 'one')
    await daemon.docker('build', '--quiet', '--tag', ref('lib/base'), context)
    await daemon.docker('push', ref('lib/base'))
    await learnTags(d, [ref('lib/base')])
  })
  afterAll(async () => {
    d.registries.close()
    await second?.close()
    await service?.close()
    await daemon.close()
    await git.close()
    await registry.close()
    await pg?.close()
    await servicePg?.close()
    rmSync(context, { recursive: true, force: true })
  })

  const recipeOf = (name: string, run: string) => {
    git.commit(name, { Dockerfile: `FROM ${ref('lib/base')}\nRUN ${run}\n` })
    return Recipe.parse({ git: { url: `${git.origin}/${name}.git`, ref: 'main', credential: 'ci' } })
  }
  const request = async (name: string, run = `echo ${name} > /n`) => {
    await putRecipe(d, ref(`app/${name}`), recipeOf(name, run))
    const requested = await requestBuild(d, { ref: ref(`app/${name}`), reason: { kind: 'manual' }, root: null })
    if (requested === 'no-recipe') throw new Error('there is a recipe')
    return requested.build.id
  }
  const row = (id: string) => d.db.build.findUniqueOrThrow({ where: { id } })
  const jobOf = async (name: string, run = `echo ${name} > /n`): Promise<RemoteJob> => {
    const id = randomUUID()
    const login = { name: 'ci', kind: 'git' as const, urlPrefix: `${git.origin}/`, username: 'ci', password }
    const credentials = await sealGrant(builderToken, id, { git: login, registries: [], secrets: {} })
    return { id, ref: ref(`app/${name}`), recipe: recipeOf(name, run), bases: [], platforms: [], credentials }
  }
  const stateAt = (id: string, wanted: (state: string) => boolean) =>
    eventually(`${id} is so`, 90, async () => {
      const { body } = await service!.ask('GET', `/builds/${id}`)
      return body.state && wanted(body.state) ? body : null
    })
  const stepAt = (id: string, name: string) =>
    eventually(`${id} is at ${name}`, 90, async () =>
      (await service!.build(id)).steps?.some((step) => step.name === name) ? true : null,
    )

  it('records what the service did, and no secret is in clear anywhere there', async () => {
    const id = await request('clear', `echo the password is ${password}`)
    await build(d, id)
    const done = await row(id)
    expect(done).toMatchObject({ state: 'succeeded', error: null, builder: 'remote' })
    expect((done.steps as { name: string }[]).map(({ name }) => name)).toEqual([
      ...['host', 'checkout', 'build', 'push', 'cleanup'],
    ])
    const there = await service!.build(id)
    expect(there).toMatchObject({ state: 'succeeded', builder: 'docker', digest: done.digest, commit: done.commit })
    expect(done.bases).toEqual(there.bases)
    expect(await readLog(d, id)).toContain('the password is ***')
    const tables = await servicePg!.sql<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'graphile_worker')`
    const dump = await Promise.all(tables.map(({ name }) => servicePg!.sql.unsafe(`select t::text from ${name} t`)))
    const told = JSON.stringify([dump, there, service!.log(), await readLog(d, id)])
    expect(told).toContain(id)
    for (const form of [password, Buffer.from(`ci:${password}`).toString('base64'), builderToken])
      expect(told).not.toContain(form)
    const [kept] = await servicePg!.sql<{ job: string }[]>`select job::text as job from build where id = ${id}`
    expect(kept?.job).not.toContain('credentials')
    const planned = await servicePg!.sql`select from graphile_worker.jobs where task_identifier <> 'build'`
    expect(planned.count).toBe(0)
  })

  it('is one build for one id, refuses another job under it, and says every fault of a job', async () => {
    const job = await jobOf('once')
    const [first, again] = [await service!.send(job), await service!.send(job)]
    expect([first.status, again.status, again.body.id]).toEqual([201, 200, job.id])
    const resealed = {
      ...job,
      credentials: await sealGrant(builderToken, job.id, { git: null, registries: [], secrets: {} }),
    }
    expect((await service!.send(resealed)).status).toBe(200)
    const other = await service!.send({ ...job, ref: ref('app/other') })
    expect([other.status, other.body.code]).toEqual([409, 'build-conflict'])
    const wrong = await jobOf('wrong')
    wrong.recipe.git!.url = 'file:///etc'
    const faults = await service!.send({ ...wrong, credentials: job.credentials })
    expect([faults.status, faults.body.errors?.map(({ path }) => path)]).toEqual([
      400,
      ['recipe.git.url', 'credentials'],
    ])
    const fields = await service!.ask('POST', '/builds', { ...wrong, more: 1 })
    expect([fields.status, fields.body.code]).toEqual([400, 'bad-request'])
    await stateAt(job.id, (state) => state === 'succeeded')
  })

  it('wants its token, and has nothing else of a tracker', async () => {
    for (const token of ['', 'wrong', `${builderToken}x`])
      expect(await service!.ask('GET', `/builds/${randomUUID()}`, undefined, token)).toMatchObject({ status: 401 })
    expect((await service!.ask('GET', `/builds/${randomUUID()}`)).status).toBe(404)
    expect((await fetch(`${service!.url}/api/v1/builds`)).status).toBe(404)
    expect((await fetch(`${service!.url}/healthz`)).status).toBe(200)
    const id = await request('unauthorised')
    await build({ ...d, config: { ...d.config, builderToken: 'another-token-altogether' } }, id)
    const failed = await row(id)
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'builder-unauthorised', retryable: false } })
  })

  it('tells a tracker on its own database that they need one each', async () => {
    const id = await request('shared')
    const [own] = await servicePg!.sql<{ id: string }[]>`
      insert into build (id, ref, key, reason, recipe, state, finished_at) values (${id}, 'a/b:1', 'k', '{}', '{}', 'failed', now()) returning id`
    expect(own?.id).toBe(id)
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'builder-conflict' } })
    expect((await service!.ask('GET', `/builds/${id}`)).status).toBe(404)
  })

  it('keeps builds waiting while its workers are busy, and a second process takes its share', async () => {
    const [slow, next] = [await jobOf('slow', 'sleep 15'), await jobOf('next')]
    await service!.send(slow)
    await stateAt(slow.id, (state) => state === 'running')
    await service!.send(next)
    expect(await service!.build(next.id)).toMatchObject({ state: 'queued', steps: [] })
    second = await makeBuildService(servicePg!.url, daemon.host, { DRYDOCK_BUILD_WORKERS: '1' })
    await second.start()
    await stateAt(next.id, (state) => state === 'succeeded')
    expect(await second.build(next.id)).toMatchObject({ state: 'succeeded' })
    await stateAt(slow.id, (state) => state === 'succeeded')
    await second.close()
    second = undefined as never
  })

  it('stops at the service on a cancel here', async () => {
    const id = await request('cancelled', 'sleep 600')
    const running = build(d, id)
    await stepAt(id, 'build')
    await cancelBuild(d, id)
    await running
    expect(await row(id)).toMatchObject({ state: 'cancelled' })
    await eventually('it is over there', 60, async () => isOver(await service!.build(id)) || null)
    expect(await service!.build(id)).toMatchObject({ state: 'cancelled' })
    expect(await d.registries.byName(registry.host)!.headManifest('app/cancelled', '1')).toBeNull()
  })

  it('goes on with a service that was killed in the middle and started again', async () => {
    const id = await request('restarted', 'sleep 10')
    const running = build(d, id)
    await stepAt(id, 'build')
    await service!.kill()
    await service!.start()
    await running
    expect(await row(id)).toMatchObject({ state: 'succeeded' })
    expect(await readLog(d, id)).toMatch(/does not answer.*waiting\][\s\S]*answers again/)
  })

  it('is attached to again by the worker that takes over from a killed one: one build, one push', async () => {
    const id = await request('taken', 'sleep 10')
    const args = [worker, pg!.url, registry.url, registry.host, id, JSON.stringify(remote())]
    const dying = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '' } })
    const gone = new Promise((resolve) => dying.once('exit', resolve))
    await stepAt(id, 'build')
    dying.kill('SIGKILL')
    await gone
    await pg!.sql`update build set lease_until = null, claim_token = gen_random_uuid() where id = ${id}`
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', digest: (await service!.build(id)).digest })
    expect(await readLog(d, id)).toContain('attached again')
    const all = await servicePg!.sql`select from build where ref = ${ref('app/taken')}`
    expect(all.count).toBe(1)
    expect(isOver(await service!.build(id))).toBe(true)
  })

  /** As by a worker that died: anybody may take it over. */
  const leave = (id: string, deaths: number) =>
    pg!.sql`update build set lease_until = null, claim_token = gen_random_uuid(), deaths = ${deaths} where id = ${id}`
  /** Sent to the service and at its `build`, by a worker that was killed then. */
  const sentByTheDead = async (name: string, run: string) => {
    const id = await request(name, run)
    const args = [worker, pg!.url, registry.url, registry.host, id, JSON.stringify(remote())]
    const dying = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '' } })
    const gone = new Promise((resolve) => dying.once('exit', resolve))
    await stepAt(id, 'build')
    await eventually('it is mirrored', 90, async () =>
      ((await row(id)).steps as { name: string }[]).some((step) => step.name === 'build') ? true : null,
    )
    dying.kill('SIGKILL')
    await gone
    return id
  }

  it('goes on however many workers died at following it, as one course; when all too many did it is ended there', async () => {
    const id = await sentByTheDead('followed', 'sleep 5')
    const begun = (await row(id)).steps as { name: string; startedAt: string }[]
    await leave(id, 6)
    await build(d, id)
    const done = await row(id)
    expect(done).toMatchObject({ state: 'succeeded', digest: (await service!.build(id)).digest })
    const steps = done.steps as { name: string; startedAt: string; error: unknown }[]
    expect(steps.filter(({ name }) => name !== 'cleanup')).toMatchObject([
      ...begun.map(({ name, startedAt }) => ({ name, startedAt, error: null })),
      { name: 'push', error: null },
    ])

    const poison = await sentByTheDead('poison', 'sleep 600')
    await leave(poison, 20)
    await build(d, poison)
    expect(await row(poison)).toMatchObject({ state: 'failed', error: { code: 'worker-died' } })
    await stateAt(poison, (state) => state === 'cancelled')
  })

  it('waits where the service no longer lets its tracker in: what may go on there has not failed', async () => {
    const id = await sentByTheDead('tokens', 'sleep 5')
    await leave(id, 0)
    await build({ ...d, config: { ...d.config, builderToken: 'another-token-altogether' } }, id)
    expect(await row(id)).toMatchObject({ state: 'running', claimToken: null, error: null })
    expect(await readLog(d, id)).toMatch(/DRYDOCK_BUILDER_TOKEN.*tried again in/)
    expect(await service!.build(id)).toMatchObject({ error: null })
    await pg!.sql`update build set lease_until = null where id = ${id}`
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', digest: (await service!.build(id)).digest })
  })

  it('ends there too when it is cancelled while it waits for a try, as soon as the service lets its tracker in', async () => {
    const id = await sentByTheDead('waiting', 'sleep 600')
    await leave(id, 0)
    const strange = { ...d, config: { ...d.config, builderToken: 'another-token-altogether' } }
    await build(strange, id)
    expect(await row(id)).toMatchObject({ state: 'running', claimToken: null })
    expect(await cancelBuild(d, id)).toBe('asked')
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' } })
    await stateAt(id, (state) => state === 'cancelled')

    const untold = await sentByTheDead('untold', 'sleep 5')
    await leave(untold, 0)
    await build(strange, untold)
    expect(await cancelBuild(d, untold)).toBe('asked')
    await build(strange, untold)
    expect(await row(untold)).toMatchObject({ state: 'cancelled' })
    expect(await readLog(d, untold)).toMatch(/\[cleanup: the build service .* does not take our DRYDOCK_BUILDER_TOKEN/)
  })

  it('says what was pushed when it is cancelled while the registry is asked about it', async () => {
    const id = await request('late')
    const proxy = await registryProxy(Number(new URL(registry.url).port))
    const behind = buildDeps(pg!, { url: proxy.url, host: registry.host }, remote())
    proxy.fate = ({ method, path }) =>
      method === 'HEAD' && path.endsWith('/app/late/manifests/1') ? 'silence' : 'through'
    const running = build(behind, id)
    await stateAt(id, (state) => state === 'succeeded')
    await eventually('it asks', 90, async () => proxy.seen.some((seen) => /^HEAD .*app\/late/.test(seen)) || null)
    await cancelBuild(d, id)
    await running
    behind.registries.close()
    await proxy.close()
    const { digest } = await service!.build(id)
    expect(digest).not.toBeNull()
    expect(await row(id)).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' }, digest })
    expect(await d.db.declaration.count({ where: { subject: digest!, source: id } })).toBe(1)
    expect(await readLog(d, id)).toContain(`it had pushed ${digest} before it was cancelled`)
  })
})
