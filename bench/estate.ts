/**
 * in: how many manifests. out: a PostgreSQL of its own that holds such an estate, judged, as ingest and refresh would have left it.
 * guarantees: the same rows for the same size; one base with 50,000 tags based on it, one with 100, the others with about 2,000.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect, type Sql } from '../src/db/postgres.ts'
import { digestOf, type Image, images, plan } from './estate-images.ts'

export type Estate = { sql: Sql; url: string; close(): Promise<void> }

/** `dataDir`: kept and used again where it holds an estate of this size; else a temporary one. */
export async function makeEstate(size: number, dataDir?: string): Promise<Estate> {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'drydock-bench-'))
  const server = await startEmbedded(folder, { durable: false })
  await migrate(server.url)
  const sql = connect(server.url, { max: 8 })
  const close = async () => {
    await sql.end()
    await server.stop()
    if (dataDir === undefined) rmSync(folder, { recursive: true, force: true })
  }
  try {
    const [{ count = 0n } = {}] = await sql<{ count: bigint }[]>`select count(*) from manifest`
    if (count === 0n) await fill(sql, size)
    else if (Number(count) < size) throw new Error(`${folder} holds an estate of ${count} manifests`)
    return { sql, url: server.url, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Indexes are made after the rows: at a million manifests that takes a third of the time. */
async function fill(sql: Sql, size: number): Promise<void> {
  const tables = ['manifest', 'tag', 'tag_span', 'tag_fact', 'tag_base']
  const indexes = await sql<{ name: string; definition: string }[]>`
    select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition from pg_index i
    where i.indrelid = any(${tables}::regclass[]) and not exists (select from pg_constraint c where c.conindid = i.indexrelid)`
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`)
  await sql`insert into registry (name) values ('localhost:5000')`
  const shape = plan(size)
  await copy(sql, 'repository (id, registry_id, name, namespace)', repositories(shape))
  await copy(
    sql,
    `manifest (digest, media_type, kind, platform, created_at, layer_count, history_accounts, chain_ids, step_ids, solid_ids,
      last_chain, last_step, release_id, layers, first_push_at)`,
    lines(images(shape), manifestRow),
  )
  await copy(
    sql,
    'tag (id, repository_id, name, ref, head_digest, head_at, status, platforms, judged_at, findings, reach)',
    lines(images(shape), tagRow),
  )
  await copy(sql, 'tag_base (tag_id, base)', lines(images(shape), baseRow))
  await copy(sql, 'tag_fact (repository_id, tag, kind, digest, at, source_id, exact)', lines(images(shape), factRow))
  await copy(sql, 'tag_span (tag_id, seq, digest, from_at, exact)', lines(images(shape), spanRow))
  await sql`set maintenance_work_mem = '512MB'`
  for (const { definition } of indexes) await sql.unsafe(definition)
  await sql`select setval(pg_get_serial_sequence('tag', 'id'), ${size + 1}), setval(pg_get_serial_sequence('repository', 'id'), ${size})`
  await sql`vacuum analyze`
}

export async function copy(sql: Sql, target: string, rows: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(chunks(rows)), await sql.unsafe(`copy ${target} from stdin`).writable())
}

/** COPY takes few large pieces faster than many small ones. */
function* chunks(rows: Iterable<string>): Generator<string> {
  let chunk = ''
  for (const row of rows) {
    chunk += row
    if (chunk.length > 65_536) {
      yield chunk
      chunk = ''
    }
  }
  if (chunk !== '') yield chunk
}

const text = (values: readonly (string | number | boolean | null)[]): string =>
  `${values.map((value) => (value === null ? '\\N' : String(value))).join('\t')}\n`

function* lines(all: Iterable<Image>, row: (image: Image) => string): Generator<string> {
  for (const image of all) yield row(image)
}

function* repositories(shape: ReturnType<typeof plan>): Generator<string> {
  for (const [id, name] of shape.repositories()) yield text([id, 1, name, name.slice(0, name.indexOf('/'))])
}

const manifestRow = (i: Image): string =>
  text([
    digestOf(i.id),
    'application/vnd.oci.image.manifest.v1+json',
    'image',
    'linux/amd64',
    String(i.at - 1_000_000_000n),
    i.chainIds.length,
    true,
    `{${i.chainIds.join(',')}}`,
    `{${i.stepIds.join(',')}}`,
    `{${i.solidIds.join(',')}}`,
    i.chainIds.at(-1)!,
    i.stepIds.at(-1)!,
    i.stepIds.at(-1)!,
    '[]',
    String(i.at),
  ])

const tagRow = (i: Image): string =>
  text([
    i.id,
    i.repositoryId,
    i.tag,
    i.ref,
    digestOf(i.id),
    String(i.at),
    'current',
    JSON.stringify([{ platform: 'linux/amd64', digest: digestOf(i.id), status: 'current', bases: basesOf(i) }]),
    '2026-01-01T00:00:00Z',
    JSON.stringify({
      version: 1,
      digest: digestOf(i.id),
      countsBuild: false,
      at: [{ links: i.base === null ? [] : [[0, 'linux/amd64']], direct: [], unknown: [], disagreements: [] }],
    }),
    i.base === null ? 0 : i.baseLayers,
  ])

const baseRow = (i: Image): string => (i.base === null ? '' : text([i.id, i.base.ref]))

const basesOf = ({ base }: Image) =>
  base === null
    ? []
    : [
        {
          ref: base.ref,
          digest: digestOf(base.id),
          role: 'runtime',
          evidence: ['layers'],
          confidence: 'inferred',
          pinned: false,
        },
      ]

const factRow = (i: Image): string =>
  text([i.repositoryId, i.tag, 'push', digestOf(i.id), String(i.at), `event-${i.id}`, true])
const spanRow = (i: Image): string => text([i.id, 0, digestOf(i.id), String(i.at), true])
