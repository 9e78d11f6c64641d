import type { Sql, Tx } from '../db/postgres.ts'
import type { ManifestFacts } from './content.ts'
import { type Declaration, makeWorld, type StoredCause, type TagTimeline, type World, type WorldRows } from './world.ts'

/**
 * The slice of the estate that the verdicts of `refs` rest on: their heads, everything those are based on, what they declare,
 * every name that was ever at one of those contents, and what those names point at. Grows with the answer, never with the estate.
 * `judged`: tags whose verdicts are being made anew, so that their stored causes count for nothing. `heads`: what some of `refs` point
 * at, where that was read already in this snapshot.
 */
export async function loadWorld(
  tx: Tx,
  refs: string[],
  judged: Set<string>,
  heads: ReadonlyMap<string, string> = new Map(),
): Promise<World> {
  const open = refs.filter((ref) => !heads.has(ref))
  const others = await tx<
    { digest: string }[]
  >`select head_digest as digest from tag where ref = any(${open}) and head_digest is not null`
  const slice = new Slice(tx)
  await slice.addHeads([...refs.flatMap((ref) => heads.get(ref) ?? []), ...others.map((row) => row.digest)])
  const own = await declarationsOf(tx, slice.digests())
  const declared = own.flatMap((d) => (d.digest === null ? [] : [d.digest]))
  await slice.addHeads(declared)
  const ancestors = await ancestorDigests(tx, slice.digests())
  await slice.addManifests(ancestors)
  const labels = await declarationsOf(tx, ancestors)
  const names = own.flatMap((d) => (d.name === null ? [] : [d.name]))
  const tags = await timelines(tx, [...refs, ...names], [...ancestors, ...declared, ...slice.digestsOf(declared)])
  await slice.addHeads(tags.flatMap((tag) => tag.spans.map((span) => span.digest)))
  const outside = tags.map((tag) => tag.ref).filter((ref) => !judged.has(ref))
  return makeWorld({
    tags,
    ...slice.rows(),
    declarations: distinctRows([...own, ...labels]),
    countBuild: await refsCountingBuild(tx, refs),
    hosts: (await tx<{ name: string }[]>`select name from registry`).map((row) => row.name),
    stored: await storedCauses(tx, outside),
  })
}

type Lists = 'chainIds' | 'stepIds' | 'solidIds'
type ManifestRow = Omit<ManifestFacts, Lists> & Record<Lists, string>
const listOf = (text: string): string[] => (text === '' ? [] : text.split(' '))

/** Manifests and index entries gathered so far; each is read once. */
class Slice {
  readonly #manifests = new Map<string, ManifestFacts>()
  readonly #entries = new Map<string, WorldRows['entries']>()
  readonly #tx: Tx
  constructor(tx: Tx) {
    this.#tx = tx
  }

  /** Heads (manifests or indexes) with the platform manifests of those that are indexes. */
  async addHeads(digests: string[]): Promise<void> {
    await this.addManifests(digests)
    const indexes = [...new Set(digests)].filter(
      (d) => this.#manifests.get(d)?.kind === 'index' && !this.#entries.has(d),
    )
    if (indexes.length === 0) return
    const entries = await this.#tx<WorldRows['entries']>`
      select index_digest, manifest_digest, platform, attestation from index_entry
      where index_digest = any(${indexes}) order by index_digest, position`
    for (const index of indexes) this.#entries.set(index, [])
    for (const entry of entries) this.#entries.get(entry.indexDigest)!.push(entry)
    await this.addManifests(entries.filter((entry) => !entry.attestation).map((entry) => entry.manifestDigest))
  }

  async addManifests(digests: string[]): Promise<void> {
    const missing = [...new Set(digests)].filter((digest) => !this.#manifests.has(digest))
    if (missing.length === 0) return
    // The lists as text, split here: the driver takes twice as long over an array (npm run bench:refresh).
    const rows = await this.#tx<ManifestRow[]>`
      select digest, kind, platform, created_at, layer_count, history_accounts, array_to_string(chain_ids, ' ') as chain_ids,
             array_to_string(step_ids, ' ') as step_ids, array_to_string(solid_ids, ' ') as solid_ids, release_id,
             first_push_at, first_seen_at
      from manifest where digest = any(${missing})`
    for (const row of rows)
      this.#manifests.set(row.digest, {
        ...row,
        chainIds: listOf(row.chainIds),
        stepIds: listOf(row.stepIds),
        solidIds: listOf(row.solidIds),
      })
  }

  digests = (): string[] => [...this.#manifests.keys()]
  digestsOf = (indexes: string[]): string[] =>
    indexes.flatMap((i) => (this.#entries.get(i) ?? []).map((e) => e.manifestDigest))
  rows = (): Pick<WorldRows, 'manifests' | 'entries'> => ({
    manifests: [...this.#manifests.values()],
    entries: [...this.#entries.values()].flat(),
  })
}

const distinctRows = (rows: (Declaration & { id: number })[]): Declaration[] => [
  ...new Map(rows.map((d) => [d.id, d])).values(),
]

const declarationsOf = (tx: Tx, subjects: string[]) => tx<(Declaration & { id: number })[]>`
  select id, subject, evidence, position, name, digest, platform, role, pinned, reason from declaration where subject = any(${subjects})
  order by id`

/** Every manifest whose whole chain is a prefix of one of these, equality included: one index look-up a chain id. */
async function ancestorDigests(tx: Tx, digests: string[]): Promise<string[]> {
  const rows = await tx<{ digest: string }[]>`
    select digest from manifest
    where kind = 'image' and last_chain in (select unnest(chain_ids) from manifest where digest = any(${digests}))`
  return rows.map((row) => row.digest)
}

/** The tags of these names, and those that were ever at one of these manifests, by itself or in an index. */
async function timelines(tx: Tx, refs: string[], manifests: string[]): Promise<TagTimeline[]> {
  const held = await tx<{ id: number; ref: string; repository: string; helper: boolean }[]>`
    with held as (
      select ${manifests}::text[] as digests
    ), wanted as (
      select tag_id from tag_span, held where digest = any(held.digests)
      union
      select s.tag_id from held, index_entry e join tag_span s on s.digest = e.index_digest
      where e.manifest_digest = any(held.digests) and not e.attestation
      union
      select id from tag where ref = any(${refs})
    )
    select t.id, t.ref, g.name || '/' || r.name as repository,
      not exists (select from recipe own where own.ref = t.ref) and (
        t.name like '%-prev' and exists (select from recipe of where of.ref = left(t.ref, -5)
          and coalesce((of.spec->>'keepPrevious')::boolean, true))
        or t.name in (select spec->>'pushTo' from recipe where spec ? 'pushTo'
          and regexp_replace(ref, ':[^:/]*$', '') = g.name || '/' || r.name)) as helper
    from wanted w join tag t on t.id = w.tag_id join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id`
  const spans = await tx<{ tagId: number; digest: string; fromAt: bigint; toAt: bigint | null; exact: boolean }[]>`
    select tag_id, digest, from_at, to_at, exact from tag_span where tag_id = any(${held.map((tag) => tag.id)})
    order by tag_id, seq`
  const byId = new Map(
    held.map((tag) => [
      tag.id,
      { ref: tag.ref, repository: tag.repository, spans: [], helper: tag.helper } as TagTimeline,
    ]),
  )
  for (const s of spans) byId.get(s.tagId)!.spans.push({ digest: s.digest, from: s.fromAt, to: s.toAt, exact: s.exact })
  return [...byId.values()]
}

const refsCountingBuild = async (tx: Tx, refs: string[]): Promise<string[]> =>
  (await tx<{ ref: string }[]>`select ref from recipe where count_on = 'all' and ref = any(${refs})`).map(
    (row) => row.ref,
  )

/** Counted causes of tags, as far as those that inherit from them need it. */
export async function storedCauses(tx: Tx, refs: string[]): Promise<Map<string, StoredCause[]>> {
  const rows = await tx<
    {
      ref: string
      base: string
      toDigest: string
      detail: { platform: string; from: string | null; leftAt: string }[]
    }[]
  >`
    select t.ref, c.base, c.to_digest, c.detail from cause c join tag t on t.id = c.tag_id
    where c.counted and t.ref = any(${refs})`
  const stored = new Map<string, StoredCause[]>()
  for (const { ref, base, toDigest, detail } of rows) {
    const cause = { base, toDigest, detail: detail.map((d) => ({ ...d, leftAt: BigInt(d.leftAt) })) }
    stored.set(ref, [...(stored.get(ref) ?? []), cause])
  }
  return stored
}

/** Every tag's slice at once: for a recomputation from scratch. */
export async function loadWholeWorld(sql: Sql): Promise<{ world: World; refs: string[] }> {
  const refs = (await sql<{ ref: string }[]>`select ref from tag`).map((row) => row.ref)
  return { world: await loadWorld(sql, refs, new Set(refs)), refs }
}
