import type { Tx } from '../db/postgres.ts'

/** What changed since the last refresh: tags by ref, manifests by digest. */
export type Changed = { tags: string[]; manifests: string[] }

/**
 * Every tag whose verdict may differ: the changed ones; those whose layers extend a content a changed tag ever had; those that
 * declare a changed name or digest; and, since outdatedness is inherited, again those that extend or declare one of these.
 */
export async function affectedTags(tx: Tx, changed: Changed): Promise<Set<string>> {
  const touched = await contentsOf(tx, changed)
  const affected = new Set<string>()
  const add = (refs: string[]) => refs.filter((ref) => !affected.has(ref) && affected.add(ref))
  add(changed.tags)
  add(await headsAt(tx, touched))
  add(await extending(tx, touched))
  let byWord = add(await declaringDigest(tx, touched))
  let frontier = [...affected]
  while (frontier.length > 0) {
    const extended = add(await extending(tx, await headContents(tx, byWord)))
    byWord = add(await declaringName(tx, [...frontier, ...extended]))
    frontier = byWord
  }
  return affected
}

const refsOf = (rows: { ref: string }[]): string[] => rows.map((row) => row.ref)
const digestsOf = (rows: { digest: string }[]): string[] => rows.map((row) => row.digest)

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

const headContents = async (tx: Tx, refs: string[]): Promise<string[]> =>
  digestsOf(
    await tx`
    with head as (select head_digest as digest from tag where ref = any(${refs}))
    select digest from head where digest is not null
    union select e.manifest_digest from head join index_entry e on e.index_digest = head.digest where not e.attestation`,
  )

/** After a `with found (digest)`: the tags that point at one of these now, by themselves or through an index. */
const pointingAtFound = (tx: Tx) => tx<{ ref: string }[]>`
  select t.ref from found f join tag t on t.head_digest = f.digest
  union
  select t.ref from found f join index_entry e on e.manifest_digest = f.digest join tag t on t.head_digest = e.index_digest`

const headsAt = async (tx: Tx, digests: string[]): Promise<string[]> =>
  refsOf(await tx`with found as (select unnest(${digests}::text[]) as digest) ${pointingAtFound(tx)}`)

/** Tags whose present layers begin with, or equal, the whole of one of these: one GIN look-up a content. */
const extending = async (tx: Tx, digests: string[]): Promise<string[]> =>
  digests.length === 0
    ? []
    : refsOf(
        await tx`
    with base as (
      select distinct last_chain from manifest where digest = any(${digests}) and last_chain is not null
    ), found as (
      select distinct m.digest from base join manifest m on m.chain_ids @> array[base.last_chain]
    ) ${pointingAtFound(tx)}`,
      )

/** Tags whose head declares one of these digests (or a content that extends one) by a bare digest or before it was known. */
const declaringDigest = async (tx: Tx, digests: string[]): Promise<string[]> =>
  digests.length === 0
    ? []
    : refsOf(
        await tx`
    with base as (
      select distinct last_chain from manifest where digest = any(${digests}) and last_chain is not null
    ), content as (
      select m.digest from base join manifest m on m.chain_ids @> array[base.last_chain]
      union select unnest(${digests}::text[])
    ), found as (
      select d.subject as digest from content c join declaration d on d.digest = c.digest
      union
      select d.subject from content c join index_entry e on e.manifest_digest = c.digest join declaration d on d.digest = e.index_digest
    ) ${pointingAtFound(tx)}`,
      )

/** Tags whose head names one of these as a base. */
const declaringName = async (tx: Tx, refs: string[]): Promise<string[]> =>
  refs.length === 0
    ? []
    : refsOf(
        await tx`
    with found as (select distinct subject as digest from declaration where name = any(${refs})) ${pointingAtFound(tx)}`,
      )
