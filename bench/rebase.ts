/**
 * Rebases an index of two platforms in a local registry, beside the bare HTTP calls that it cannot do without, one after another.
 * Run: npm run bench:rebase
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import pino from 'pino'
import type { BuilderContext } from '../src/build/builders/builder.ts'
import { rebaseBuilder } from '../src/build/builders/rebase.ts'
import { Recipe } from '../src/build/recipe.ts'
import type { Config } from '../src/config.ts'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect } from '../src/db/postgres.ts'
import { makePrisma } from '../src/db/prisma.ts'
import type { Deps } from '../src/deps.ts'
import { look } from '../src/ingest/look.ts'
import { makeJobs } from '../src/jobs/jobs.ts'
import type { Digest } from '../src/oci/digest.ts'
import { mediaTypes } from '../src/oci/media-type.ts'
import { makeRegistries } from '../src/registry/registries.ts'
import { refresh } from '../src/staleness/refresh.ts'
import { type PushedImage, pushImage, pushIndex } from '../test/support/push.ts'
import { startDebianRegistry } from '../test/support/registry.ts'
import { median, report } from './report.ts'

const rounds = 11
const layer = (name: string) => `${name} `.repeat(200_000)
const silent = { write: () => undefined, hide: () => undefined }

const registry = await startDebianRegistry()
const folder = mkdtempSync(join(tmpdir(), 'drydock-rebase-'))
const database = await startEmbedded(folder)
const [client, log] = [registry.client, pino({ level: 'error' })]

async function push(repository: string, text: string, bases: readonly (PushedImage | null)[]): Promise<PushedImage[]> {
  const parts: PushedImage[] = []
  for (const [i, base] of bases.entries()) {
    const platform = { os: 'linux', architecture: i === 0 ? 'amd64' : 'arm64' }
    const layers = [layer(`${text} ${i}`)]
    parts.push(await pushImage(client, { repository, layers, platform, ...(base ? { base } : {}) }))
  }
  await pushIndex(client, { repository, tag: '1', manifests: parts })
  return parts
}

/** What no rebase can do without: to read child, old and new base, and to write two configs, two manifests and an index. */
async function bare(old: readonly PushedImage[], fresh: readonly PushedImage[], child: readonly PushedImage[]) {
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { accept: `${mediaTypes.ociIndex}, ${mediaTypes.ociManifest}`, ...init.headers }
    const answer = await fetch(path.startsWith('http') ? path : new URL(`/v2/${path}`, registry.url), {
      ...init,
      headers,
    })
    const body = Buffer.from(await answer.arrayBuffer())
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${body}`)
    return { body, headers: answer.headers }
  }
  const index = await ask('app/child/manifests/1')
  await ask('lib/base/manifests/1')
  for (const [repository, images] of [
    ['app/child', child],
    ['lib/base', old],
    ['lib/base', fresh],
  ] as const)
    for (const { manifestDigest, configDigest } of images) {
      await ask(`${repository}/manifests/${manifestDigest}`)
      await ask(`${repository}/blobs/${configDigest}`)
    }
  for (const [i, image] of fresh.entries()) {
    const digest = image.layers[0]!.digest
    await ask(`app/bare/blobs/uploads/?mount=${digest}&from=lib/base`, { method: 'POST' })
    await ask(`app/bare/blobs/uploads/?mount=${child[i]!.layers[1]!.digest}&from=app/child`, { method: 'POST' })
    const { body } = await ask(`app/child/blobs/${child[i]!.configDigest}`)
    const started = await ask('app/bare/blobs/uploads/', { method: 'POST' })
    const to = new URL(started.headers.get('location')!, registry.url)
    to.searchParams.set('digest', child[i]!.configDigest)
    await ask(to.href, { method: 'PUT', body: new Uint8Array(body) })
    const config = { mediaType: mediaTypes.ociConfig, digest: child[i]!.configDigest, size: body.length }
    const layers = [image.layers[0], child[i]!.layers[1]]
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }
    const headers = { 'content-type': mediaTypes.ociManifest }
    await ask(`app/bare/manifests/part-${i}`, { method: 'PUT', headers, body: JSON.stringify(manifest) })
  }
  const list = JSON.parse(index.body.toString()) as { manifests: { digest: Digest }[] }
  for (const { digest } of list.manifests) await ask(`app/child/manifests/${digest}`, { method: 'HEAD' })
  return ask('app/child/manifests/1', { method: 'HEAD' })
}

try {
  await migrate(database.url)
  const registries = [{ name: registry.host, url: registry.url, username: null, password: null, insecure: false }]
  const [sql, db] = [connect(database.url, { max: 10 }), makePrisma(database.url)]
  const config = { registries, outside: [] } as unknown as Config
  const base = { sql, db, jobs: makeJobs(), log, config, clock: () => new Date() }
  const d = { ...base, registries: makeRegistries(registries, log) } as unknown as Deps
  const learn = async (...names: string[]) => {
    for (const name of names) await look(d, `${registry.host}/${name}`)
    await refresh(d)
  }
  const builder = rebaseBuilder(d)
  const recipe = Recipe.parse({ strategy: 'rebase', base: `${registry.host}/lib/base:1` })
  const logins = { git: () => Promise.reject(), secret: () => Promise.reject(), registry: async () => null }
  const target = { host: registry.host, repository: 'app/child', tag: '1', digest: null }
  const [ours, theirs]: [number[], number[]] = [[], []]
  let old = await push('lib/base', 'first', [null, null])
  await learn('lib/base:1')
  for (let round = 0; round < rounds; round++) {
    const child = await push('app/child', `child ${round}`, old)
    await learn('app/child:1')
    const fresh = await push('lib/base', `base ${round}`, [null, null])
    await learn('lib/base:1')
    const began = performance.now()
    await bare(old, fresh, child)
    theirs.push(performance.now() - began)
    const job = { id: `round-${round}`, target, recipe, dir: folder, bases: [], annotations: {}, logins }
    const { signal } = new AbortController()
    const context: BuilderContext = {
      signal,
      ...{ log: silent, host: async () => undefined, intend: async () => undefined },
      step: (_name, work) => work(signal),
    }
    const start = performance.now()
    await builder.run(job, context)
    ours.push(performance.now() - start)
    old = fresh
  }
  report({
    name: 'rebase of an index of two platforms, local registry',
    ours: ['rebase', median(ours), 'ms'],
    rival: ['the bare HTTP calls', median(theirs), 'ms'],
    ratio: median(ours) / median(theirs),
    wanted: 'under 500 ms',
  })
  d.registries.close()
  await db.$disconnect()
  await sql.end()
} finally {
  await database.stop()
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
}
