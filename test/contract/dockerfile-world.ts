import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Builder } from '../../src/build/builders/builder.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { namespaceLogins } from '../../src/build/logins.ts'
import { Recipe } from '../../src/build/recipe.ts'
import type { Config } from '../../src/config.ts'
import { startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import type { Deps } from '../../src/deps.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { buildDeps } from '../build/world.ts'
import { type Dockerd, startDockerd } from '../support/docker.ts'
import { type GitFile, startGitServer } from '../support/git-server.ts'
import { writeKlibcBase } from '../support/klibc.ts'
import { testDatabase } from '../support/postgres.ts'
import { registryProxy } from '../support/registry-proxy.ts'
import { buildKitPath } from '../support/requires.ts'
import type { DockerfileTrial } from './dockerfile-builder.ts'

/** What the git server wants, and what a build is given as the secret `npm`. */
export const gitPassword = 's3cret-of-the-git-server'
export const buildSecret = 'what-the-build-reads'

/** How an adapter differs: its settings, how it is made, and what it leaves where it builds. */
export type Adapter = {
  /** which engine builds, of those a daemon has; BuildKit alone has secrets */
  engine: 'legacy' | 'buildkit'
  config: Partial<Config>
  builder: (d: Deps) => Builder
  traces: (daemon: Dockerd) => Promise<string[]>
  begin?: DockerfileTrial['begin']
}

export type DockerfileWorld = Awaited<ReturnType<typeof dockerfileWorld>>

/** Real parts for builders that run Dockerfiles: a registry that can be made to refuse, a git server with a password, and a daemon. */
export async function dockerfileWorld() {
  const path = process.env.PATH
  const pg = await testDatabase()
  const registry = await startSmallRegistry()
  const proxy = await registryProxy(registry.port)
  const git = await startGitServer({ username: 'ci', password: gitPassword })
  const daemon = await startDockerd()
  const context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
  const closing: Deps[] = []
  let [releases, sources] = [0, 0]

  return {
    ...{ pg, daemon },
    async trial({ engine, config, builder, traces, begin }: Adapter): Promise<DockerfileTrial> {
      if (engine === 'buildkit') process.env.PATH = buildKitPath() ?? path
      const d = buildDeps(pg, proxy, config)
      closing.push(d)
      const login = { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password: gitPassword }
      await putCredential(d, 'app', 'ci', CredentialInput.parse(login))
      await putCredential(d, 'app', 'npm', CredentialInput.parse({ kind: 'secret', password: buildSecret }))
      const baseName = `${proxy.host}/lib/base:1`
      const recipe = (files: Record<string, GitFile>, more: object = {}) => {
        const name = `source-${sources++}`
        git.commit(name, files)
        return Recipe.parse({ git: { url: `${git.origin}/${name}.git`, ref: 'main', credential: 'ci' }, ...more })
      }
      const run = engine === 'buildkit' ? 'RUN --mount=type=cache,target=/cache' : 'RUN'
      const files = {
        Dockerfile: `ARG B\nFROM $B AS other\n${run} echo other > /o\nFROM $B\nCOPY --from=other /o /o\nCOPY Dockerfile /child\n${run} echo child > /c\n`,
      }
      return {
        ...{ builder: builder(d), registries: d.registries, host: proxy.host, baseName, baseRepository: 'lib/base' },
        ...{ proxy, recipe, ...(begin ? { begin } : {}) },
        logins: namespaceLogins(d, { host: proxy.host, repository: 'app/child' }),
        client: d.registries.byName(proxy.host)!,
        moveBase: async () => {
          writeKlibcBase(context, `release-${releases++}`)
          await daemon.docker('build', '--quiet', '--tag', baseName, context)
          const said = await daemon.docker('push', baseName)
          return parseDigest(/digest: (\S+)/.exec(said)?.[1])!
        },
        child: recipe(files, { args: { B: baseName } }),
        orphan: recipe(files, { args: { B: `${proxy.host}/lib/none:1` } }),
        traces: () => traces(daemon),
      }
    },
    async close() {
      process.env.PATH = path
      for (const d of closing) d.registries.close()
      await daemon.close()
      await git.close()
      await proxy.close()
      await registry.close()
      await pg.close()
      rmSync(context, { recursive: true, force: true })
    },
  }
}

/** What builds leave on a daemon. What is pulled by digest stays, and says whose it is. */
export async function daemonTraces(daemon: Dockerd): Promise<string[]> {
  const images = await daemon.docker('images', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')
  const containers = await daemon.docker('ps', '--all', '--quiet')
  return [...images.split('\n'), ...containers.split('\n')]
    .filter((line) => line && (line.startsWith('<none>:<none>') || !line.includes('<none>')))
    .sort()
}
