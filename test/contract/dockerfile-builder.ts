import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { BuildError } from '../../src/build/build-error.ts'
import type { BuildJob, StepName } from '../../src/build/builders/builder.ts'
import type { Recipe } from '../../src/build/recipe.ts'
import { eventually } from '../../src/demo/watch.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { GitFile } from '../support/git-server.ts'
import type { Fate, RegistryProxy } from '../support/registry-proxy.ts'
import { type BuilderTrial, builderContract } from './builder.ts'
import { contextOf, type Seen } from './builder-context.ts'
import { type Adapter, buildSecret, gitPassword } from './dockerfile-world.ts'

/** What an adapter that runs Dockerfiles brings beside. */
export type DockerfileTrial = BuilderTrial & {
  /** in front of the registry, under whose name it is */
  proxy: RegistryProxy
  /** a recipe of the namespace `app` over these files, new for each call */
  recipe: (files: Record<string, GitFile>, more?: object) => Recipe
}

/** One suite for every Builder that runs Dockerfiles: `builderContract`, and what recipes may ask for, and every way to end. */
export function dockerfileContract(trial: () => DockerfileTrial, engine: Adapter['engine']): void {
  builderContract(trial)
  describe('does what a recipe asks for:', () => recipes(trial, engine))
}

function recipes(trial: () => DockerfileTrial, engine: Adapter['engine']): void {
  let root: string
  let repository: string
  let base: Digest
  let before: string[]
  let made = 0
  beforeAll(async () => {
    base = await trial().moveBase()
  })
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'builder-contract-'))
    repository = `app/dockerfile-${made++}`
    before = await trial().traces()
  })
  afterEach(async () => {
    trial().proxy.fate = () => 'through'
    rmSync(root, { recursive: true, force: true })
    let left: string[] = []
    const gone = async () => {
      left = await trial().traces()
      return left.join() === before.join() ? true : null
    }
    await eventually('nothing is left', 120, gone).catch(() => expect(left).toEqual(before))
  })

  const on = (...lines: string[]) => ({ Dockerfile: [`FROM ${trial().baseName}`, ...lines, ''].join('\n') })
  const head = async (tag = '1') => (await trial().client.headManifest(repository, tag))?.digest ?? null
  const document = async (reference: string) =>
    JSON.parse(Buffer.from((await trial().client.getManifest(repository, reference))!.bytes).toString()) as Manifest
  const config = async (reference: string) => {
    const { config } = await document(reference)
    const bytes = await trial().client.getBlob(repository, config!.digest as never, { maxBytes: 1_000_000 })
    return Buffer.from(bytes!).toString()
  }

  /** Begins a build; `limits` are what steps may take. */
  const begin = async (recipe: Recipe, limits: Partial<Record<StepName, AbortSignal>> = {}) => {
    const id = randomUUID()
    await trial().begin?.(id)
    const dir = join(root, id)
    mkdirSync(dir)
    const target = { host: trial().host, repository, tag: '1', digest: null }
    const annotations = { 'dev.drydock.build': id }
    const job: BuildJob = { id, dir, recipe, target, bases: [], annotations, logins: trial().logins }
    const seen: Seen = { log: '', stop: new AbortController(), at: null, ended: false }
    const running = trial()
      .builder.run(job, contextOf(seen, limits))
      .finally(() => trial().builder.clean(job, new AbortController().signal))
      .finally(() => {
        seen.ended = true
      })
    running.catch(() => undefined)
    return { seen, running }
  }
  const attempt = async (recipe: Recipe) => {
    const { seen, running } = await begin(recipe)
    return { seen, built: await running }
  }
  const reaches = (seen: Seen, what: string, reached: () => boolean) =>
    eventually(what, 240, async () => {
      if (seen.ended && !reached()) throw new Error(`it ended before: ${what}\n${seen.log}`)
      return reached() ? true : null
    })

  it('fails in the words of the step that failed', async () => {
    const { seen, running } = await begin(trial().recipe(on('RUN echo no luck today; exit 3')))
    await expect(running).rejects.toMatchObject({ name: 'BuildError', code: 'build-failed', retryable: false })
    expect(seen.log).toContain('no luck today')
    expect(await head()).toBeNull()
  })

  it('makes the same layers of the same files and base, whenever it does', async () => {
    const recipe = trial().recipe({ ...on('COPY f /f', 'COPY sub/g /'), f: 'one', 'sub/g': 'two' })
    const layers: string[][] = []
    for (const _ of ['at first', 'again']) {
      await attempt(recipe)
      layers.push((JSON.parse(await config('1')) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids)
      const second = Math.floor(Date.now() / 1000)
      await eventually('another second', 10, async () => (Math.floor(Date.now() / 1000) > second + 1 ? true : null))
    }
    expect(layers[1]).toEqual(layers[0])
    expect(layers[0]!.length).toBeGreaterThanOrEqual(3)
  })

  it('says that its push is refused', async () => {
    trial().proxy.fate = ({ method, path }) =>
      method === 'PUT' && path.startsWith(`/v2/${repository}/manifests/`) ? refusal : 'through'
    const { running } = await begin(trial().recipe(on('RUN echo refused > /r')))
    await expect(running).rejects.toMatchObject({ name: 'BuildError', code: 'push-refused', retryable: false })
    expect(await head()).toBeNull()
  })

  it.each(['host', 'checkout', 'build', 'push'] as const)(
    'ends where it is told to in %s, and moves no tag',
    async (name) => {
      if (name === 'push')
        trial().proxy.fate = ({ method, path }) =>
          path.includes(`/${repository}/`) && /^(POST|PATCH|PUT)$/.test(method) ? 'silence' : 'through'
      // A service may be further than is known of it here: what is stopped before its push must not come to that by itself.
      const { seen, running } = await begin(trial().recipe(on(name === 'push' ? 'RUN echo x > /x' : 'RUN sleep 3600')))
      await reaches(
        seen,
        `it is at ${name}`,
        () => order.indexOf(seen.at ?? 'host') >= order.indexOf(name) && seen.at !== null,
      )
      seen.stop.abort(new BuildError('cancelled', 'enough'))
      await expect(running).rejects.toMatchObject({ code: 'cancelled' })
      trial().proxy.fate = () => 'through'
      expect(await head()).toBeNull()
    },
  )

  it('ends where a step takes longer than it may', async () => {
    const limit = new AbortController()
    const { seen, running } = await begin(trial().recipe(on('RUN sleep 3600')), { build: limit.signal })
    await reaches(seen, 'it builds', () => seen.at === 'build')
    limit.abort(new BuildError('timed-out', 'too long', { retryable: true }))
    await expect(running).rejects.toMatchObject({ code: 'timed-out', retryable: true })
    expect(await head()).toBeNull()
  })

  it('tells its log while it builds, and no secret in it', async () => {
    const echo = `RUN echo the password is ${gitPassword}; echo said; sleep 3600`
    const { seen, running } = await begin(trial().recipe(on(echo)))
    await reaches(seen, 'its log is told', () => /(^|\s)said\n/.test(seen.log))
    expect(seen.ended).toBe(false)
    seen.stop.abort(new BuildError('cancelled', 'enough'))
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
    expect(seen.log).toContain('the password is ***')
    expect(seen.log).not.toContain(gitPassword)
  })

  it('makes an index of several platforms', async () => {
    const platforms = ['linux/amd64', 'linux/arm64']
    const { built } = await attempt(trial().recipe({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'f' }, { platforms }))
    expect(await head()).toBe(built.digest)
    const { manifests } = await document(built.digest)
    expect(manifests?.map(({ platform }) => `${platform.os}/${platform.architecture}`).sort()).toEqual(platforms)
    for (const { digest } of manifests ?? []) expect((await document(digest)).config).toBeDefined()
  })

  it('builds the stage that is wanted, and not what it does not need', async () => {
    const lines = on('ENV WANTED=yes')
    const files = {
      Dockerfile: `${lines.Dockerfile.replace('\n', ' AS wanted\n')}FROM wanted AS other\nENV WANTED=no\nRUN exit 1\n`,
    }
    const { built } = await attempt(trial().recipe(files, { target: 'wanted' }))
    expect(await config(built.digest)).toContain('WANTED=yes')
    expect(built.bases).toEqual([{ name: trial().baseName, digest: base, role: 'runtime', pinned: false }])
  })

  const secretly = async () => {
    const mount = 'RUN --mount=type=secret,id=npm echo it says $(cat /run/secrets/npm)'
    const recipe = trial().recipe(on(mount), { secrets: [{ id: 'npm', credential: 'npm' }] })
    const { seen, built } = await attempt(recipe)
    expect(seen.log).toContain('it says ***')
    expect(seen.log).not.toContain(buildSecret)
    expect(await config(built.digest)).not.toContain(buildSecret)
  }
  // the legacy builder has none
  if (engine === 'buildkit') it('reads its secrets, and holds them nowhere', secretly)

  it('moves no tag to what fails its own check, and leaves it under the candidate alone', async () => {
    const files = on('RUN echo checked > /checked')
    const fails = ['sh', '-c', 'exit 4']
    const candidate = await begin(trial().recipe(files, { pushTo: 'next', verify: fails }))
    await expect(candidate.running).rejects.toMatchObject({ name: 'BuildError', code: 'verify-failed' })
    expect(await head()).toBeNull()
    expect(await head('next')).not.toBeNull()
    const { running } = await begin(trial().recipe(files, { verify: fails }))
    await expect(running).rejects.toMatchObject({ code: 'verify-failed' })
    expect(await head()).toBeNull()
    const { built } = await attempt(trial().recipe(files, { pushTo: 'next', verify: ['true'] }))
    expect(await head()).toBe(built.digest)
  })

  it('keeps what the tag was, or not, as the recipe says', async () => {
    const first = await attempt(trial().recipe(on('RUN echo 1 > /n')))
    await attempt(trial().recipe(on('RUN echo 2 > /n'), { keepPrevious: false }))
    expect(await head('1-prev')).toBeNull()
    const second = await head()
    await attempt(trial().recipe(on('RUN echo 3 > /n')))
    expect(await head('1-prev')).toBe(second)
    expect(second).not.toBe(first.built.digest)
  })

  it('says what it is in annotations, and adds no label to those of the Dockerfile', async () => {
    const { built } = await attempt(trial().recipe(on('LABEL own=label')))
    const labels = (JSON.parse(await config(built.digest)) as { config: { Labels: object | null } }).config.Labels
    expect(labels).toEqual({ own: 'label' })
    expect((await document(built.digest)).annotations).toMatchObject({
      'org.opencontainers.image.base.name': trial().baseName,
      'org.opencontainers.image.base.digest': base,
      'org.opencontainers.image.revision': built.commit,
    })
  })
}

const order: StepName[] = ['host', 'checkout', 'build', 'push', 'cleanup']

const refusal: Fate = {
  status: 403,
  body: JSON.stringify({ errors: [{ code: 'DENIED', message: 'requested access to the resource is denied' }] }),
}

type Manifest = {
  annotations?: Record<string, string>
  config?: { digest: string }
  manifests?: { digest: string; platform: { os: string; architecture: string } }[]
}
