import { createHash } from 'node:crypto'
import { inTransaction } from '../../src/ingest/in-transaction.ts'
import { type ObservedManifest, observeAbsent } from '../../src/ingest/observe.ts'
import { type Changes, type Learned, nothingLearned, type Observation, save } from '../../src/ingest/save.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { testDeps } from '../support/deps.ts'
import { testDatabase } from '../support/postgres.ts'

export const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
export const second = 1_000_000_000n

export const image = (name: string): ObservedManifest => ({
  ...observeAbsent(sha(name), 'application/vnd.oci.image.manifest.v1+json', 'not-found'),
  kind: 'image',
  fault: null,
  platform: 'linux/amd64' as ObservedManifest['platform'],
  layerCount: 1,
  chainIds: ['00000000-0000-0000-0000-000000000001'],
  layers: [{ digest: sha('blob'), diffId: sha('diff'), size: 1, mediaType: 'x' }],
})
export const learned = (...names: string[]): Learned => ({
  ...nothingLearned,
  manifests: names.map(image),
  sighted: names.map(sha),
})

/** Saving, on a database of its own: what is told of `reg:5000/lib/base` at a second, and what is stored then. */
export async function openSaving() {
  const pg = await testDatabase()
  const registries = makeRegistries(
    [{ name: 'reg:5000', aliases: ['alias.reg'], url: 'http://localhost:1', insecure: false }],
    testDeps(pg).log,
    { outside: [], watch: ['docker.io'] },
  )
  const [row] = await pg.sql<{ id: number }[]>`insert into registry (name) values ('reg:5000') returning id`
  const registryId = row!.id

  const observed = (
    tag: string,
    kind: 'push' | 'delete',
    digest: string | null,
    at: number,
    more: Partial<Observation> = {},
  ): Observation => ({
    registryId,
    host: 'reg:5000',
    repository: 'lib/base',
    tag,
    kind,
    digest: digest && sha(digest),
    at: BigInt(at) * second,
    sourceId: `${kind} ${tag} ${digest} ${at}`,
    exact: true,
    ...more,
  })

  async function saved(o: Observation | null, content: Learned): Promise<Changes> {
    let changes: Changes = { tags: [], manifests: [] }
    await inTransaction(pg.sql, async (tx) => {
      changes = await save({ ...testDeps(pg), registries }, tx, o, content)
    })
    return changes
  }
  const spans = async () =>
    (
      await pg.sql<{ text: string }[]>`
        select tag.ref || ' ' || digest || ' ' || from_at / 1000000000 || '-' || coalesce((to_at / 1000000000)::text, '') as text
        from tag_span join tag on tag.id = tag_id order by tag.ref, seq`
    ).map((row) => row.text)
  const marks = async () =>
    (await pg.sql<{ mark: string }[]>`select kind || ' ' || key as mark from dirty order by 1`).map((row) => row.mark)
  const jobs = async () =>
    (await pg.sql<{ key: string }[]>`select key from graphile_worker._private_jobs order by key`).map((row) => row.key)
  const clear = async () => {
    await pg.sql`truncate repository, manifest, declaration, dirty, watch cascade`
    await pg.sql`delete from graphile_worker._private_jobs`
  }

  return { pg, observed, saved, spans, marks, jobs, clear }
}
