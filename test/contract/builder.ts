import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { Builder, BuilderContext, BuildJob, PushIntent } from '../../src/build/builders/builder.ts'
import { findPushed, holdsContent } from '../../src/build/find-pushed.ts'
import type { Logins } from '../../src/build/logins.ts'
import type { Recipe } from '../../src/build/recipe.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { Registries, RegistryClient } from '../../src/registry/registries.ts'

/** What an adapter brings to be tried: a base that can be moved, and recipes of a child on it. */
export type BuilderTrial = {
  builder: Builder
  registries: Registries
  logins: Logins
  client: RegistryClient
  host: string
  /** "host/repository:tag" */
  baseName: string
  baseRepository: string
  /** puts new content behind the base's name, and gives the digest the name is at then */
  moveBase: () => Promise<Digest>
  /** the recipe of lib/child:1, whose base is `baseName` */
  child: Recipe
  /** the same on a base that does not exist */
  orphan: Recipe
  /** what attempts leave outside their directory: must be the same before and after */
  traces: () => Promise<string[]>
  /** told of each build before it runs */
  begin?: (id: string) => Promise<void>
}

/** One suite for every Builder. https://github.com/unjs/unstorage tests its drivers in the same way. */
export function builderContract(trial: () => BuilderTrial): void {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'builder-contract-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const repository = 'app/child'
  const jobOf = async (recipe: Recipe): Promise<BuildJob> => {
    const id = randomUUID()
    await trial().begin?.(id)
    const dir = join(root, id)
    mkdirSync(dir)
    const target = { host: trial().host, repository, tag: '1', digest: null }
    return { id, dir, recipe, target, bases: [], annotations: { 'dev.drydock.build': id }, logins: trial().logins }
  }
  const head = async () => (await trial().client.headManifest(repository, '1'))?.digest ?? null

  const attempt = async (recipe: Recipe, more: Partial<Observed> = {}, bases: BuildJob['bases'] = []) => {
    const seen: Observed = { steps: [], log: '', intents: [], signal: new AbortController().signal, ...more }
    const job = { ...(await jobOf(recipe)), bases }
    const run = trial().builder.run(job, watching(seen))
    const built = await run.finally(() => trial().builder.clean(job, new AbortController().signal))
    return { built, seen }
  }

  it('pushes the target once, on exactly the base it reports, and says what before it does', async () => {
    const base = await trial().moveBase()
    const { built, seen } = await attempt(trial().child)
    expect(built.bases).toEqual([{ name: trial().baseName, digest: base, role: 'runtime', pinned: false }])
    expect(await head()).toBe(built.digest)
    const [told, ...more] = seen.intents.flatMap(({ content }) => content ?? [])
    expect(more).toEqual([])
    const target = { host: trial().host, repository, tag: '1' }
    expect(await findPushed(trial(), target, told!, new AbortController().signal)).toBe(built.digest)
    const [own, below] = [await diffIds(trial().client, repository, built.digest), await baseDiffIds(base)]
    expect(own.slice(0, below.length)).toEqual(below)
    expect(own.length).toBeGreaterThan(below.length)
  })

  it('builds on what the base has become', async () => {
    await trial().moveBase()
    const before = await attempt(trial().child)
    const base = await trial().moveBase()
    const { built } = await attempt(trial().child)
    expect(built.digest).not.toBe(before.built.digest)
    expect(built.bases[0]?.digest).toBe(base)
    const below = await baseDiffIds(base)
    expect((await diffIds(trial().client, repository, built.digest)).slice(0, below.length)).toEqual(below)
  })

  it('says in annotations what it is based on and why it was made, and keeps what the tag was', async () => {
    const base = await trial().moveBase()
    const before = await head()
    const { built } = await attempt(trial().child)
    const found = await trial().client.getManifest(repository, built.digest)
    const { annotations } = JSON.parse(Buffer.from(found!.bytes).toString()) as { annotations: Record<string, string> }
    expect(annotations).toMatchObject({
      'org.opencontainers.image.base.name': trial().baseName,
      'org.opencontainers.image.base.digest': base,
      'dev.drydock.build': expect.any(String),
    })
    expect((await trial().client.headManifest(repository, '1-prev'))?.digest ?? null).toBe(before)
  })

  it('takes a name for what the job says it is, whatever it points at by now', async () => {
    const given = await trial().moveBase()
    await trial().moveBase()
    const { built } = await attempt(trial().child, {}, [{ name: trial().baseName, digest: given }])
    expect(built.bases).toEqual([{ name: trial().baseName, digest: given, role: 'runtime', pinned: false }])
    const below = await baseDiffIds(given)
    expect((await diffIds(trial().client, repository, built.digest)).slice(0, below.length)).toEqual(below)
  })

  it('runs its steps in order, and says something', async () => {
    const { seen } = await attempt(trial().child)
    expect(['host', 'checkout', 'build', 'push'].filter((name) => seen.steps.includes(name))).toEqual(seen.steps)
    expect(seen.log).not.toBe('')
  })

  it('pushes nothing where it is not allowed to any more', async () => {
    await trial().moveBase()
    const before = await head()
    const intend = () => Promise.reject(new Error('not yours'))
    await expect(attempt(trial().child, { intend })).rejects.toThrow('not yours')
    expect(await head()).toBe(before)
  })

  it('pushes nothing once it is told to end', async () => {
    await trial().moveBase()
    const before = await head()
    const stop = new AbortController()
    const intend = async () => stop.abort(new Error('enough'))
    await expect(attempt(trial().child, { signal: stop.signal, intend })).rejects.toThrow('enough')
    await expect(attempt(trial().child, { signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow('at once')
    expect(await head()).toBe(before)
  })

  it('says that a base is not there', async () => {
    const before = await head()
    await expect(attempt(trial().orphan)).rejects.toMatchObject({ name: 'BuildError', code: 'base-absent' })
    expect(await head()).toBe(before)
  })

  it('leaves no trace, whether it ends well or not, and can clean twice', async () => {
    const before = await trial().traces()
    const { built } = await attempt(trial().child)
    await attempt(trial().orphan).catch(() => null)
    const job = { id: randomUUID(), dir: root }
    await trial().builder.clean(job, new AbortController().signal)
    await trial().builder.clean(job, new AbortController().signal)
    expect(await trial().traces()).toEqual(before)
    expect(await head()).toBe(built.digest)
  })

  const baseDiffIds = (digest: Digest) => diffIds(trial().client, trial().baseRepository, digest)
}

type Observed = {
  steps: string[]
  log: string
  intents: PushIntent[]
  signal: AbortSignal
  intend?: (intent: PushIntent) => Promise<void>
}

const watching = (seen: Observed): BuilderContext => ({
  log: {
    write: (text) => {
      seen.log += text
    },
    hide: () => undefined,
  },
  signal: seen.signal,
  async step(name, work) {
    seen.signal.throwIfAborted()
    seen.steps.push(name)
    return work(seen.signal)
  },
  host: async () => undefined,
  async intend(intent) {
    seen.intents.push(intent)
    await seen.intend?.(intent)
  },
})

async function diffIds(client: RegistryClient, repository: string, digest: Digest): Promise<string[]> {
  const manifest = await client.getManifest(repository, digest)
  if (!manifest) throw new Error(`${repository} has no ${digest}`)
  expect(holdsContent(manifest, digest)).toBe(true)
  const { config } = JSON.parse(Buffer.from(manifest.bytes).toString()) as { config: { digest: Digest } }
  const bytes = await client.getBlob(repository, config.digest, { maxBytes: 1_000_000 })
  return (JSON.parse(Buffer.from(bytes!).toString()) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids
}
