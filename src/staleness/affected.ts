import type { Tx } from '../db/postgres.ts'

/** What changed since the last refresh: tags by ref, manifests by digest. */
export type Changed = { tags: string[]; manifests: string[] }

/** A tag and what it points at; null: it was deleted, or its head is to be looked up. */
export type Pointer = { ref: string; head: string | null }

/**
 * `judge`: tags that may show something else by themselves. `heirs`: the others that have one of these, at any depth, among their
 * bases: what they show by themselves stands, what they inherit may not.
 */
export type Affected = { judge: Pointer[]; heirs: string[] }

/**
 * Every tag whose verdict may differ. By themselves: the changed ones and those that were ever at a changed manifest; those whose layers
 * extend a content one of these ever had, where layers were asked about bases that far down; those that declare one of their names or
 * digests. The rest by inheritance, along the bases that verdicts name.
 */
export async function affectedTags(tx: Tx, changed: Changed): Promise<Affected> {
  const moved = [...new Set([...changed.tags, ...(await everAt(tx, changed.manifests))])]
  const touched = await contentsOf(tx, { tags: moved, manifests: changed.manifests })
  const judge = new Map<string, string | null>(moved.map((ref) => [ref, null]))
  const groups = [
    await headsAt(tx, touched),
    await extending(tx, touched, changed.manifests),
    await declaringDigest(tx, touched),
    await declaringName(tx, moved),
  ]
  for (const { ref, head } of groups.flat()) judge.set(ref, head)
  return { judge: [...judge].map(([ref, head]) => ({ ref, head })), heirs: await heirsOf(tx, judge) }
}

const refsOf = (rows: { ref: string }[]): string[] => rows.map((row) => row.ref)
const digestsOf = (rows: { digest: string }[]): string[] => rows.map((row) => row.digest)

/** Tags in whose timeline one of these stands, by itself or in an index. */
const everAt = async (tx: Tx, manifests: string[]): Promise<string[]> =>
  manifests.length === 0
    ? []
    : refsOf(
        await tx`
    with found as (
      select unnest(${manifests}::text[]) as digest
      union select e.index_digest from index_entry e where e.manifest_digest = any(${manifests}) and not e.attestation
    )
    select distinct t.ref from found f join tag_span s on s.digest = f.digest join tag t on t.id = s.tag_id`,
      )

/** Every manifest a changed tag ever had, and the changed manifests, indexes opened. */
const contentsOf = async (tx: Tx, changed: Changed): Promise<string[]> =>
  digestsOf(
    await tx`
    with head as (
      select distinct s.digest from tag t join tag_span s on s.tag_id = t.id where t.ref = any(${changed.tags})
      union select unnest(${changed.manifests}::text[])
    )
    select digest from head
    union select e.manifest_digest from head join index_entry e on e.index_digest = head.digest where not e.attestation`,
  )

/** After a `with found (digest)`: the tags that point at one of these now, by themselves or through an index. */
const pointingAtFound = (tx: Tx) => tx<Pointer[]>`
  select t.ref, t.head_digest as head from found f join tag t on t.head_digest = f.digest
  union
  select t.ref, t.head_digest from found f join index_entry e on e.manifest_digest = f.digest join tag t on t.head_digest = e.index_digest`

const headsAt = (tx: Tx, digests: string[]): Promise<Pointer[]> =>
  tx<Pointer[]>`with found as (select unnest(${digests}::text[]) as digest) ${pointingAtFound(tx)}`

/**
 * Tags whose present layers begin with, or equal, the whole of one of these, one GIN look-up a content: but for those that found a name
 * for a nearer base. A changed manifest with a label is asked about at any depth, because labels are inherited from the first to the last.
 */
const extending = async (tx: Tx, digests: string[], changed: string[]): Promise<Pointer[]> =>
  digests.length === 0
    ? []
    : tx<Pointer[]>`
    with base as (
      select last_chain, layer_count, bool_or(m.digest = any(${changed}) and exists (
        select from declaration d where d.subject = m.digest and d.evidence = 'label')) as always
      from manifest m where m.digest = any(${digests}) and last_chain is not null group by 1, 2
    ), found as (
      select m.digest, base.layer_count, base.always from base join manifest m on m.chain_ids @> array[base.last_chain]
    ), pointing as (
      select t.ref, t.head_digest, t.reach, f.layer_count, f.always from found f join tag t on t.head_digest = f.digest
      union all
      select t.ref, t.head_digest, t.reach, f.layer_count, f.always
      from found f join index_entry e on e.manifest_digest = f.digest join tag t on t.head_digest = e.index_digest
    )
    select distinct ref, head_digest as head from pointing where always or layer_count >= coalesce(reach, 0)`

/** Tags whose head declares one of these digests (or a content that extends one) by a bare digest or before it was known. */
const declaringDigest = async (tx: Tx, digests: string[]): Promise<Pointer[]> =>
  digests.length === 0
    ? []
    : tx<Pointer[]>`
    with base as (
      select distinct last_chain from manifest where digest = any(${digests}) and last_chain is not null
    ), content as (
      select m.digest from base join manifest m on m.chain_ids @> array[base.last_chain]
      union select unnest(${digests}::text[])
    ), found as (
      select d.subject as digest from content c join declaration d on d.digest = c.digest
      union
      select d.subject from content c join index_entry e on e.manifest_digest = c.digest join declaration d on d.digest = e.index_digest
    ) ${pointingAtFound(tx)}`

/** Tags whose head names one of these as a base. */
const declaringName = async (tx: Tx, refs: string[]): Promise<Pointer[]> =>
  refs.length === 0
    ? []
    : tx<Pointer[]>`
    with found as (select distinct subject as digest from declaration where name = any(${refs})) ${pointingAtFound(tx)}`

/** Level by level, along the names that verdicts give to bases. */
async function heirsOf(tx: Tx, judged: ReadonlyMap<string, unknown>): Promise<string[]> {
  const heirs = new Set<string>()
  for (let frontier = [...judged.keys()]; frontier.length > 0; ) {
    const rows = await tx<{ ref: string }[]>`
      with asked as (select unnest(${frontier}::text[]) as base)
      select distinct tag.ref from asked join tag_base using (base) join tag on tag.id = tag_base.tag_id
      where tag.head_digest is not null`
    frontier = refsOf(rows).filter((ref) => !judged.has(ref) && !heirs.has(ref))
    for (const ref of frontier) heirs.add(ref)
  }
  return [...heirs]
}
