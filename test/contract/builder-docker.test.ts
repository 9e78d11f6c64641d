import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { dockerBuilder } from '../../src/build/builders/docker.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { namespaceLogins } from '../../src/build/logins.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { buildDeps } from '../build/world.ts'
import { type Dockerd, startDockerd } from '../support/docker.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { writeKlibcBase } from '../support/klibc.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { buildKitPath, type Part, requires } from '../support/requires.ts'
import { type BuilderTrial, builderContract } from './builder.ts'

const engines = [
  { engine: 'the legacy builder', part: 'docker' as const, run: 'RUN' },
  { engine: 'BuildKit', part: 'buildkit' as const, run: 'RUN --mount=type=cache,target=/cache' },
]

for (const { engine, part, run } of engines) contract(engine, part, run)

function contract(engine: string, part: Part, run: string): void {
  const suite = requires('docker', part, 'git', 'klibc')
  suite(`the docker builder with ${engine}`, () => {
    const path = process.env.PATH
    let pg: TestDatabase
    let registry: SmallRegistry
    let git: GitServer
    let daemon: Dockerd
    let context: string
    let trial: BuilderTrial
    let releases = 0

    beforeAll(async () => {
      pg = await testDatabase()
      registry = await startSmallRegistry()
      git = await startGitServer({ username: 'ci', password: 's3cret' })
      daemon = await startDockerd()
      process.env.DOCKER_HOST = daemon.host
      if (part === 'buildkit') process.env.PATH = buildKitPath() ?? path
      context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
      const d = buildDeps(pg, registry)
      const baseName = `${registry.host}/lib/base:1`
      const credential = { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password: 's3cret' }
      await putCredential(d, 'app', 'ci', CredentialInput.parse(credential))
      git.commit('child', {
        Dockerfile: `ARG B\nFROM $B AS other\n${run} echo other > /o\nFROM $B\nCOPY --from=other /o /o\nCOPY Dockerfile /child\n${run} echo child > /c\n`,
      })
      const recipe = (base: string) =>
        Recipe.parse({ git: { url: `${git.origin}/child.git`, ref: 'main', credential: 'ci' }, args: { B: base } })
      trial = {
        builder: dockerBuilder(d),
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
          const images = await daemon.docker('images', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')
          const containers = await daemon.docker('ps', '--all', '--quiet')
          return (
            [...images.split('\n'), ...containers.split('\n')]
              // what is pulled by digest stays, and says whose it is
              .filter((line) => line && (line.startsWith('<none>:<none>') || !line.includes('<none>')))
              .sort()
          )
        },
      }
    })
    afterAll(async () => {
      delete process.env.DOCKER_HOST
      process.env.PATH = path
      trial.registries.close()
      await daemon.close()
      await git.close()
      await registry.close()
      await pg.close()
      rmSync(context, { recursive: true, force: true })
    })

    builderContract(() => trial)
  })
}
