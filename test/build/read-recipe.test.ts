// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { putCredential } from '../../src/build/credentials.ts'
import { queueReadings } from '../../src/build/queue-readings.ts'
import { readRecipe } from '../../src/build/read-recipe.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { getRecipe, putRecipe, removeRecipe } from '../../src/build/recipes.ts'
import type { Deps } from '../../src/deps.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { pushImage, pushIndex, startSmall, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { buildDeps, learnTags } from './world.ts'

const login = { username: 'reader', password: 'a long secret' }
let pg: TestDatabase
let git: GitServer
let registry: TestRegistry
let d: Deps
beforeAll(async () => {
  pg = await testDatabase()
  git = await startGitServer(login)
  registry = await startSmall()
  d = buildDeps(pg, registry)
  const input = { urlPrefix: `${git.origin}/`, kind: 'git' as const, ...login }
  await putCredential(d, 'app', 'git', input)
})
afterAll(async () => {
  d.registries.close()
  await registry.close()
  await git.close()
  await pg.close()
})
beforeEach(async () => {
  await pg.sql`truncate recipe, repository, manifest, declaration, dirty cascade`
  await pg.sql`delete from graphile_worker._private_jobs`
})

const full = (name: string) => `${registry.host}/${name}`
const ref = () => full('app/a:1')
const recipe = (name: string, more: object = {}): Recipe =>
  Recipe.parse({ git: { url: `${git.origin}/${name}.git`, ref: 'main', credential: 'git' }, ...more })
/** Pushes an image that is not like any other, and gives its digest. */
let made = 0
const push = async (name: string, platform = { os: 'linux', architecture: 'amd64' }): Promise<Digest> => {
  const [repository = '', tag = ''] = name.split(':')
  const pushed = await pushImage(registry.client, { repository, tag, layers: [`layer ${made++}`], platform })
  await learnTags(d, [full(name)])
  return pushed.manifestDigest
}
const declared = async () =>
  (
    await pg.sql<{ said: string }[]>`
      select role || ' ' || coalesce(name, reason, '-') || coalesce(' on ' || platform, '') || (case when pinned then ' pinned' else '' end) as said
      from declaration where evidence = 'recipe' order by subject, position`
  ).map(({ said }) => said.replaceAll(`${registry.host}/`, ''))
const reading = async () => (await getRecipe(d, ref()))!.reading
const jobs = async () =>
  pg.sql<{ key: string; wait: number }[]>`
    select key, extract(epoch from run_at - now())::float8 as wait from graphile_worker._private_jobs where key like 'recipe:%'`

requires('git')('a recipe that is stored', () => {
  test('is read at its ref, with its arguments, for what stands under its tag', async () => {
    await push('lib/base:1')
    const commit = git.commit('plain', {
      'docker/Dockerfile': `ARG V=0\nFROM ${full('lib/tool')}:$V AS t\nFROM ${full('lib/base:1')}\nCOPY --from=t a b\n`,
    })
    const digest = await push('app/a:1')
    await putRecipe(d, ref(), recipe('plain', { dockerfile: 'docker/Dockerfile', args: { V: '7' } }))
    expect(await jobs()).toMatchObject([{ key: `recipe:${ref()}` }])
    await readRecipe(d, ref())
    expect(await declared()).toEqual(['build lib/tool:7', 'runtime lib/base:1'])
    expect(await reading()).toMatchObject({ digest, commit, error: null, nextAt: null })
    await refresh(d)
    const [tag] = await pg.sql<{ said: string }[]>`select platforms::text as said from tag where ref = ${ref()}`
    expect(JSON.parse(tag!.said)[0].bases).toMatchObject([
      { ref: full('lib/base:1'), role: 'runtime', evidence: ['recipe'], confidence: 'declared' },
      { ref: full('lib/tool:7'), role: 'build', evidence: ['recipe'], confidence: 'declared' },
    ])
    expect(
      await pg.sql`select key from graphile_worker._private_jobs where key = ${`look:${full('lib/tool:7')}`}`,
    ).toHaveLength(1)
  })

  test('each platform of an index is read by its own', async () => {
    git.commit('multi', {
      Dockerfile:
        `FROM --platform=$BUILDPLATFORM ${full('lib/go:1')} AS build\n` +
        `FROM --platform=linux/s390x ${full('lib/z:1')} AS z\nFROM ${full('lib/base')}:$TARGETARCH$TARGETVARIANT\n`,
    })
    const platforms = [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ]
    const manifests = []
    for (const platform of platforms)
      manifests.push(await pushImage(registry.client, { repository: 'app/a', layers: [`multi ${made++}`], platform }))
    await pushIndex(registry.client, { repository: 'app/a', tag: '1', manifests })
    await learnTags(d, [ref()])
    await putRecipe(d, ref(), recipe('multi'))
    await readRecipe(d, ref())
    const common = ['build lib/go:1', 'build lib/z:1 on linux/s390x']
    expect((await declared()).sort()).toEqual(
      [...common, ...common, 'runtime lib/base:amd64', 'runtime lib/base:armv7'].sort(),
    )
  })

  test('a FROM with a digest is pinned; one without a value says so', async () => {
    const pin = `sha256:${'e'.repeat(64)}`
    git.commit('pins', { Dockerfile: `ARG X\nFROM $X AS x\nFROM ${full('lib/base:1')}@${pin}\n` })
    await push('app/a:1')
    await putRecipe(d, ref(), recipe('pins'))
    await readRecipe(d, ref())
    expect(await declared()).toEqual(['runtime lib/base:1 pinned', 'build unresolved-arg'])
  })

  test('that changes is read anew, and what the old one said is gone at once', async () => {
    git.commit('old', { Dockerfile: `FROM ${full('lib/old:1')}\n` })
    git.commit('new', { Dockerfile: `FROM ${full('lib/new:1')}\n` })
    await push('app/a:1')
    await putRecipe(d, ref(), recipe('old'))
    await readRecipe(d, ref())
    await putRecipe(d, ref(), recipe('old', { auto: true }))
    expect([await declared(), (await reading())?.commit]).toEqual([['runtime lib/old:1'], expect.any(String)])
    await putRecipe(d, ref(), recipe('new'))
    expect([await declared(), await reading()]).toEqual([[], null])
    await readRecipe(d, ref())
    expect(await declared()).toEqual(['runtime lib/new:1'])
    await removeRecipe(d, ref())
    expect(await declared()).toEqual([])
  })
})

requires('git')('a reading', () => {
  test('is made once for a head: not for a moved branch, but when the tag moves, however that is found', async () => {
    git.commit('moves', { Dockerfile: `FROM ${full('lib/a:1')}\n` })
    const first = await push('app/a:1')
    await putRecipe(d, ref(), recipe('moves'))
    await readRecipe(d, ref())
    git.commit('moves', { Dockerfile: `FROM ${full('lib/b:1')}\n` })
    const asked = git.requests.length
    await readRecipe(d, ref())
    expect(git.requests).toHaveLength(asked)
    await pg.sql`delete from graphile_worker._private_jobs`
    await queueReadings(d)
    expect(await jobs()).toEqual([])
    const second = await push('app/a:1')
    await queueReadings(d)
    expect(await jobs()).toMatchObject([{ key: `recipe:${ref()}` }])
    await readRecipe(d, ref())
    expect(await pg.sql`select subject, name from declaration where evidence = 'recipe' order by id`).toEqual([
      { subject: first, name: full('lib/a:1') },
      { subject: second, name: full('lib/b:1') },
    ])
  })

  test('is not made of what we built: our own evidence is stronger', async () => {
    const digest = await push('app/a:1')
    await pg.sql`insert into declaration (subject, evidence, source, position, name) values (${digest}, 'build', 'b', 0, 'x/y:1')`
    await putRecipe(d, ref(), recipe('nowhere'))
    await readRecipe(d, ref())
    expect(await reading()).toMatchObject({ digest, commit: null, error: null })
  })

  test.each([
    ['a Dockerfile that does not parse', { Dockerfile: 'RUN true\n' }, {}, 'dockerfile-invalid'],
    ['a heredoc without an end', { Dockerfile: 'FROM a\nRUN <<X\n' }, {}, 'dockerfile-invalid'],
    ['what is no reference', { Dockerfile: 'FROM UPPER:1\n' }, {}, 'base-invalid'],
    ['bytes', { Dockerfile: '\u0000\u0001\u0002' }, {}, 'dockerfile-invalid'],
    ['two megabytes', { Dockerfile: `FROM a\n${'#'.repeat(2_000_000)}` }, {}, 'dockerfile-invalid'],
    ['no Dockerfile', { other: 'x' }, {}, 'dockerfile-missing'],
    ['a branch that is not there', { Dockerfile: 'FROM a\n' }, { ref: 'gone' }, 'git-ref-not-found'],
    ['a credential that is not there', { Dockerfile: 'FROM a\n' }, { credential: 'none' }, 'credential-missing'],
    ['a protocol that is not allowed', { Dockerfile: 'FROM a\n' }, { url: 'ftp://git.io/x' }, 'git-protocol'],
  ])('that fails is kept with its reason and tried again: %s', async (name, files, change, code) => {
    const repository = name.replaceAll(' ', '-')
    git.commit(repository, files)
    const digest = await push('app/a:1')
    const { git: source } = recipe(repository)
    await putRecipe(d, ref(), Recipe.parse({ git: { ...source, ...change } }))
    await pg.sql`delete from graphile_worker._private_jobs`
    await readRecipe(d, ref())
    expect(await reading()).toMatchObject({ digest, error: { code }, attempts: 1 })
    expect(JSON.stringify(await reading())).not.toContain(login.password)
    expect((await jobs())[0]?.wait).toBeGreaterThan(20)
    await readRecipe(d, ref())
    expect(await reading()).toMatchObject({ attempts: 2 })
    expect((await jobs())[0]?.wait).toBeGreaterThan(50)
    await queueReadings(d)
    expect((await jobs())[0]?.wait).toBeGreaterThan(50)
    expect(await declared()).toEqual([])
    await refresh(d)
    expect(await pg.sql`select status from tag where ref = ${ref()}`).toEqual([{ status: 'current' }])
  })

  test('that failed is made once the repository answers', async () => {
    await push('app/a:1')
    await putRecipe(d, ref(), recipe('late'))
    await readRecipe(d, ref())
    expect((await reading())?.error).not.toBeNull()
    git.commit('late', { Dockerfile: `FROM ${full('lib/a:1')}\n` })
    await readRecipe(d, ref())
    expect(await reading()).toMatchObject({ error: null, attempts: 0, nextAt: null })
    expect(await declared()).toEqual(['runtime lib/a:1'])
  })

  test('a recipe that changes meanwhile is read once more, and the old reading is not kept', async () => {
    git.commit('busy', { Dockerfile: `FROM ${full('lib/a:1')}\n` })
    git.commit('other', { Dockerfile: `FROM ${full('lib/b:1')}\n` })
    await push('app/a:1')
    await putRecipe(d, ref(), recipe('busy'))
    let changing: Promise<void> | null = null
    git.onRequest = () => {
      changing ??= putRecipe(d, ref(), recipe('other'))
    }
    await readRecipe(d, ref())
    git.onRequest = () => undefined
    await changing
    expect([await declared(), await reading()]).toEqual([[], null])
    expect(await jobs()).toHaveLength(1)
    await readRecipe(d, ref())
    expect(await declared()).toEqual(['runtime lib/b:1'])
  })
})
