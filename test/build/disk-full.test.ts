import { randomBytes, randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { Recipe } from '../../src/build/recipe.ts'
import { isOver, type RemoteBuild } from '../../src/build/service/remote-build.ts'
import { sealGrant } from '../../src/build/service/seal.ts'
import { eventually } from '../../src/demo/watch.ts'
import { type BuildService, builderToken, makeBuildService } from '../support/build-service.ts'
import { type Dockerd, startDockerd } from '../support/docker.ts'
import { type GitFile, type GitServer, startGitServer } from '../support/git-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startSmall, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { type SmallDisk, smallDisk } from '../support/small-disk.ts'

// Root may mount a disk of its own; where even it may not, this fails.
requires('docker', 'git')('a full disk', () => {
  let pg: TestDatabase
  let registry: TestRegistry
  let git: GitServer
  let [work, data]: SmallDisk[] = []
  let daemon: Dockerd
  let service: BuildService
  beforeAll(async () => {
    ;[work, data] = [smallDisk(40), smallDisk(24)]
    pg = await testDatabase()
    registry = await startSmall()
    git = await startGitServer(null)
    daemon = await startDockerd(data.path)
    service = await makeBuildService(pg.url, daemon.host, { TMPDIR: work.path, DRYDOCK_BUILD_WORKERS: '1' })
    await service.start()
  })
  afterAll(async () => {
    await service?.close()
    await daemon?.close()
    await git?.close()
    await registry?.close()
    await pg?.close()
    work?.close()
    data?.close()
  })

  const mebibytes = (number: number) => randomBytes(number * 768 * 1024).toString('base64')
  /** Sends a build to the service, waits for its end, and expects that nothing of it is left where builds work. */
  async function built(name: string, files: Record<string, GitFile>): Promise<RemoteBuild> {
    git.commit(name, { Dockerfile: 'FROM scratch\nCOPY . /\n', ...files })
    const id = randomUUID()
    const credentials = await sealGrant(builderToken, id, { git: null, registries: [], secrets: {} })
    const recipe = Recipe.parse({ git: { url: `${git.origin}/${name}.git`, ref: 'main' } })
    const job = { id, ref: `${registry.host}/app/${name}:1`, recipe, bases: [], platforms: [], credentials }
    expect((await service.send(job)).status).toBe(201)
    const over = await eventually(`the build of ${name} is over`, 90, async () => {
      const build = await service.build(id)
      return isOver(build) ? build : null
    })
    expect(readdirSync(work!.path).filter((entry) => entry.startsWith('drydock-'))).toEqual([])
    return over
  }
  const stepsOf = (build: RemoteBuild) => build.steps.map(({ name, error }) => `${name} ${error?.code ?? 'ok'}`)
  const diskFull = { code: 'disk-full', message: expect.stringMatching(/no space left/i), retryable: true }

  it('at the checkout fails that build, says so, and the next one works', async () => {
    const failed = await built('large', { large: mebibytes(28) })
    expect(failed).toMatchObject({ state: 'failed', error: diskFull })
    expect(stepsOf(failed)).toEqual(['host ok', 'checkout disk-full', 'cleanup ok'])
    expect(await built('small', { small: 'a' })).toMatchObject({ state: 'succeeded' })
  })

  it('of the daemon fails that build, says so, and the next one works', async () => {
    const failed = await built('middle', { middle: mebibytes(18), more: mebibytes(2) })
    expect(failed).toMatchObject({ state: 'failed', error: diskFull })
    expect(stepsOf(failed)).toEqual(['host ok', 'checkout ok', 'build disk-full', 'cleanup ok'])
    expect(await built('again', { small: 'b' })).toMatchObject({ state: 'succeeded' })
  })
})
