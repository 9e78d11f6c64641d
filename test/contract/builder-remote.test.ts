import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { remoteBuilder } from '../../src/build/builders/remote.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { namespaceLogins } from '../../src/build/logins.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { buildDeps } from '../build/world.ts'
import { type BuildService, builderToken, makeBuildService } from '../support/build-service.ts'
import { type Dockerd, startDockerd } from '../support/docker.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { writeKlibcBase } from '../support/klibc.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { requires } from '../support/requires.ts'
import { type BuilderTrial, builderContract } from './builder.ts'

requires(
  'docker',
  'git',
  'klibc',
)('the remote builder, with a build service of its own', () => {
  let [pg, servicePg]: TestDatabase[] = []
  let registry: SmallRegistry
  let git: GitServer
  let daemon: Dockerd
  let service: BuildService
  let context: string
  let trial: BuilderTrial
  let releases = 0

  beforeAll(async () => {
    ;[pg, servicePg] = [await testDatabase(), await testDatabase()]
    registry = await startSmallRegistry()
    git = await startGitServer({ username: 'ci', password: 's3cret' })
    daemon = await startDockerd()
    service = await makeBuildService(servicePg.url, daemon.host)
    await service.start()
    context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
    const d = buildDeps(pg, registry, { builder: 'remote', builderUrl: service.url, builderToken })
    const baseName = `${registry.host}/lib/base:1`
    const credential = { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(d, 'app', 'ci', CredentialInput.parse(credential))
    git.commit('child', { Dockerfile: 'ARG B\nFROM $B\nCOPY Dockerfile /child\nRUN echo child > /c\n' })
    const recipe = (base: string) =>
      Recipe.parse({ git: { url: `${git.origin}/child.git`, ref: 'main', credential: 'ci' }, args: { B: base } })
    trial = {
      builder: remoteBuilder(d),
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
      traces: async () => {
        const images = await daemon.docker('images', '--format', '{{.Repository}}:{{.Tag}}')
        const containers = await daemon.docker('ps', '--all', '--quiet')
        return [...images.split('\n'), ...containers.split('\n')]
          .filter((line) => line && !line.includes('<none>'))
          .sort()
      },
    }
  })
  afterAll(async () => {
    trial.registries.close()
    await service.close()
    await daemon.close()
    await git.close()
    await registry.close()
    await pg?.close()
    await servicePg?.close()
    rmSync(context, { recursive: true, force: true })
  })

  builderContract(() => trial)
})
