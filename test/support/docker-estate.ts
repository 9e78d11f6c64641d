import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from '../../src/build/build.ts'
import { readLog } from '../../src/build/logs.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { requestBuild } from '../../src/build/request.ts'
import type { Deps } from '../../src/deps.ts'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import type { RegistryClient } from '../../src/registry/registries.ts'
import { buildDeps, learnTags } from '../build/world.ts'
import { type Dockerd, startDockerd } from './docker.ts'
import { type GitFile, type GitServer, startGitServer } from './git-server.ts'
import { writeKlibcBase } from './klibc.ts'
import { type TestDatabase, testDatabase } from './postgres.ts'
import { buildKitPath } from './requires.ts'

/** A manifest or index as the registry has it. */
export type Stored = {
  mediaType: string
  digest: Digest
  body: {
    mediaType: string
    annotations?: Record<string, string>
    config?: { digest: Digest; mediaType: string }
    layers?: { mediaType: string }[]
    manifests?: { digest: Digest; platform: { os: string; architecture: string } }[]
  }
}

/** Real daemon, git server and database in front of one registry: recipes are stored, built, and what came of it is read back. */
export async function dockerEstate(
  registry: { url: string; host: string },
  more: (d: Deps) => Deps = (d) => d,
  engine: 'legacy' | 'buildkit' = 'legacy',
) {
  const pg: TestDatabase = await testDatabase()
  const git: GitServer = await startGitServer({ username: 'ci', password: 's3cret' })
  const daemon: Dockerd = await startDockerd()
  const path = process.env.PATH
  process.env.DOCKER_HOST = daemon.host
  if (engine === 'buildkit') process.env.PATH = buildKitPath() ?? path
  const context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
  const d = more(buildDeps(pg, registry, { gitProtocols: ['http'] }))
  const client: RegistryClient = d.registries.byName(registry.host)!
  const ref = (name: string) => `${registry.host}/${name}`
  const at = async (repository: string, reference: string): Promise<Stored | null> => {
    const found = await client.getManifest(repository, reference)
    return found && { mediaType: found.mediaType, digest: found.digest, body: JSON.parse(found.bytes.toString()) }
  }
  /** stores the recipe of `name` with these files in git, and asks for a build of it; gives the build's id */
  const queue = async (name: string, files: Record<string, GitFile>, recipe: object = {}): Promise<string> => {
    const source = name.replaceAll(/[/:]/g, '-')
    git.commit(source, files)
    const stored = { git: { url: `${git.origin}/${source}.git`, ref: 'main', credential: 'ci' }, ...recipe }
    await putRecipe(d, ref(name), Recipe.parse(stored))
    const requested = await requestBuild(d, { ref: ref(name), reason: { kind: 'manual' }, root: null })
    if (requested === 'no-recipe') throw new Error('there is a recipe')
    return requested.build.id
  }
  return {
    ...{ pg, git, daemon, d, client, ref, at },
    /** a base of the klibc shell at `name` ("lib/base:1"), another content for each release */
    async pushBase(name: string, release: string): Promise<Digest> {
      writeKlibcBase(context, release)
      await daemon.docker('build', '--quiet', '--tag', ref(name), context)
      const said = await daemon.docker('push', ref(name))
      await learnTags(d, [ref(name)])
      return parseDigest(/digest: (\S+)/.exec(said)?.[1])!
    },
    queue,
    /** the same, built; gives the build's row and log */
    async build(name: string, files: Record<string, GitFile>, recipe: object = {}) {
      const id = await queue(name, files, recipe)
      await build(d, id)
      const row = await d.db.build.findUniqueOrThrow({ where: { id } })
      return { row, log: await readLog(d, row.id) }
    },
    async config(repository: string, digest: Digest): Promise<Record<string, unknown>> {
      return JSON.parse((await client.getBlob(repository, digest, { maxBytes: 1_000_000 }))!.toString())
    },
    tags: async (repository: string): Promise<string[]> => {
      const names: string[] = []
      for await (const name of client.listTags(repository)) names.push(name)
      return names.sort()
    },
    async close() {
      delete process.env.DOCKER_HOST
      process.env.PATH = path
      d.registries.close()
      await daemon.close()
      await git.close()
      await pg.close()
      rmSync(context, { recursive: true, force: true })
    },
  }
}

export type DockerEstate = Awaited<ReturnType<typeof dockerEstate>>
