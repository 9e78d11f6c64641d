import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { dockerMachineBuilder } from '../../src/build/builders/docker-machine.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { namespaceLogins } from '../../src/build/logins.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { Machines } from '../../src/build-settings.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { buildDeps } from '../build/world.ts'
import { type Dockerd, startDockerd } from '../support/docker.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { writeKlibcBase } from '../support/klibc.ts'
import { standIn, type TestMachines, testMachines } from '../support/machines.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { requires } from '../support/requires.ts'
import { type BuilderTrial, builderContract } from './builder.ts'

requires(
  'docker',
  'git',
  'klibc',
)('the docker-machine builder', () => {
  let pg: TestDatabase
  let registry: SmallRegistry
  let git: GitServer
  /** where bases are made: no build runs there */
  let daemon: Dockerd
  let machines: TestMachines
  let context: string
  let trial: BuilderTrial
  let releases = 0

  beforeAll(async () => {
    pg = await testDatabase()
    registry = await startSmallRegistry()
    git = await startGitServer({ username: 'ci', password: 's3cret' })
    daemon = await startDockerd()
    machines = testMachines()
    process.env.MACHINE_STORAGE_PATH = machines.env.MACHINE_STORAGE_PATH
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1' // a daemon that nobody may ask
    context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
    const settings = Machines.parse({ profiles: { default: { driver: 'none' } } })
    const d = buildDeps(pg, registry, { machines: { ...settings, command: standIn } })
    const baseName = `${registry.host}/lib/base:1`
    const credential = { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(d, 'app', 'ci', CredentialInput.parse(credential))
    git.commit('child', { Dockerfile: 'ARG B\nFROM $B\nCOPY Dockerfile /child\nRUN echo child > /c\n' })
    const recipe = (base: string) =>
      Recipe.parse({ git: { url: `${git.origin}/child.git`, ref: 'main', credential: 'ci' }, args: { B: base } })
    trial = {
      builder: dockerMachineBuilder(d),
      registries: d.registries,
      logins: namespaceLogins(d, { host: registry.host, repository: 'app/child' }),
      client: d.registries.byName(registry.host)!,
      host: registry.host,
      baseName,
      baseRepository: 'lib/base',
      moveBase: async () => {
        writeKlibcBase(context, `release-${releases++}`)
        await daemon.docker('build', '--quiet', '--tag', baseName, context)
        const said = await daemon.docker('push', baseName)
        return parseDigest(/digest: (\S+)/.exec(said)?.[1])!
      },
      child: recipe(baseName),
      orphan: recipe(`${registry.host}/lib/none:1`),
      traces: async () => [...(await machines.names()), ...machines.daemons().map(String)],
      begin: async (id) => {
        const data = { id, ref: `app/${id}:1`, key: '', reason: {}, recipe: {}, state: 'running' as const }
        await pg.db.build.create({ data })
      },
    }
  })
  afterAll(async () => {
    delete process.env.DOCKER_HOST
    delete process.env.MACHINE_STORAGE_PATH
    trial.registries.close()
    await machines.close()
    await daemon.close()
    await git.close()
    await registry.close()
    await pg.close()
    rmSync(context, { recursive: true, force: true })
  })

  builderContract(() => trial)
})
