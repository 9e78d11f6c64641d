import type { Tx } from '../db/postgres.ts'
import type { ObservedDeclaration, ObservedManifest } from './observe.ts'
import type { Learned, Observation, ObservedEntry } from './save.ts'

type Seen = Pick<Observation, 'at' | 'exact' | 'kind'>
type Part = { learned: Learned; seen: (Seen & Pick<Observation, 'tag' | 'digest'>) | null }
type Sighting = { sighted: readonly string[]; seen: Seen | null }
/** A row that is new or readable at last, with the times it had before. */
type Upserted = { digest: string; firstPushAt: bigint | null; firstSeenAt: bigint | null }

/**
 * Saves manifests, index entries and declarations, and when they were seen. Answers the manifests about which something
 * changed (new, readable at last, seen earlier, declares more) and the declarations that are worth asking about.
 */
export async function saveContent(
  tx: Tx,
  parts: readonly Part[],
): Promise<{ manifests: string[]; declarations: ObservedDeclaration[] }> {
  const entries = parts.flatMap(({ learned }) => learned.entries)
  const manifests = eachOnce(parts.flatMap(({ learned }) => learned.manifests))
  const declared = parts.flatMap(({ learned }) => learned.declarations)
  const learnt = manifests.length === 0 ? [] : await upsertManifests(tx, manifests)
  if (entries.length > 0) await insertEntries(tx, entries)
  const sightings = parts.map(({ learned, seen }) => ({ sighted: learned.sighted, seen }))
  const earlier = await seenAt(tx, [...sightings, ...toldBefore(learnt, entries)])
  const fresh = declared.length === 0 ? [] : await insertDeclarations(tx, declared)
  await insertOrigins(tx, manifests)
  const attestations = new Set(entries.filter((entry) => entry.attestation).map((entry) => entry.manifestDigest))
  const changed = new Set([
    ...learnt.map((row) => row.digest),
    ...earlier,
    ...fresh.map((declaration) => declaration.subject),
  ])
  return {
    manifests: [...changed].filter((digest) => !attestations.has(digest)),
    declarations: await wordsOnTags(tx, fresh, parts),
  }
}

/**
 * What is said of something that a tag points at: new words on it, and, where it gets its first tag, all words. Evidence comes before what it
 * speaks of, and a platform's manifest before its tag: asked about then, the registry would answer ahead of the events that are on
 * their way.
 */
async function wordsOnTags(
  tx: Tx,
  fresh: ObservedDeclaration[],
  parts: readonly Part[],
): Promise<ObservedDeclaration[]> {
  const tagged = parts.flatMap(({ seen }) =>
    seen?.kind === 'push' && seen.tag !== '' && seen.digest !== null ? [seen.digest] : [],
  )
  const subjects = fresh.map((declaration) => declaration.subject)
  if (tagged.length + subjects.length === 0) return []
  return tx<ObservedDeclaration[]>`
    with head as (
      select digest from unnest(${tagged}::text[]) as pushed (digest)
      where not exists (select from tag where head_digest = pushed.digest)
    ), subject as (
      select digest from head
      union select manifest_digest from index_entry join head on head.digest = index_digest
      union select said.digest from unnest(${subjects}::text[]) as said (digest) join tag on tag.head_digest = said.digest
      union select entry.manifest_digest from index_entry entry join tag on tag.head_digest = entry.index_digest
        where entry.manifest_digest = any(${subjects}::text[])
    )
    select subject, evidence, source, position, name, declaration.digest, platform, role, pinned, reason
    from declaration join subject on subject.digest = declaration.subject where name is not null`
}

/** Of a digest that was learnt twice, what could be read. */
function eachOnce(manifests: readonly ObservedManifest[]): ObservedManifest[] {
  const once = new Map<string, ObservedManifest>()
  for (const manifest of manifests) {
    const known = once.get(manifest.digest)
    if (
      !known ||
      known.kind === 'absent' ||
      (known.fault === null && manifest.fault !== null && manifest.kind === known.kind)
    )
      once.set(manifest.digest, manifest)
  }
  return [...once.values()]
}

/** JSON for json_to_recordset: bigints as text, and without the NULs that PostgreSQL's text cannot hold. */
const json = (rows: readonly object[]): string =>
  JSON.stringify(rows, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString()
    return typeof value === 'string' ? value.replaceAll('\0', '') : value
  })

/**
 * Content never changes under its digest; only what could not be had before is replaced. Times are seenAt's. That an artifact's
 * statements speak of something else is known only where it is attached, so that fault may come later, and stays.
 */
async function upsertManifests(tx: Tx, manifests: readonly ObservedManifest[]): Promise<Upserted[]> {
  const rows = manifests.map((m) => ({
    digest: m.digest,
    media_type: m.mediaType,
    kind: m.kind,
    artifact_type: m.artifactType,
    platform: m.platform,
    config_digest: m.configDigest,
    created_at: m.createdAt,
    layer_count: m.layerCount,
    history_accounts: m.historyAccounts,
    chain_ids: m.chainIds,
    step_ids: m.stepIds,
    solid_ids: m.solidIds,
    last_chain: m.chainIds.at(-1) ?? null,
    last_step: m.stepIds.at(-1) ?? null,
    release_id: m.releaseId,
    layers: m.layers,
    fault: m.fault,
  }))
  return tx<Upserted[]>`
    insert into manifest (digest, media_type, kind, artifact_type, platform, config_digest, created_at, layer_count,
      history_accounts, chain_ids, step_ids, solid_ids, last_chain, last_step, release_id, layers, fault)
    select * from json_to_recordset(${json(rows)}::text::json) as m (digest text, media_type text, kind manifest_kind,
      artifact_type text, platform text, config_digest text, created_at bigint, layer_count int,
      history_accounts boolean, chain_ids uuid[], step_ids uuid[], solid_ids uuid[], last_chain uuid, last_step uuid,
      release_id uuid, layers jsonb, fault text)
    order by digest
    on conflict (digest) do update set media_type = excluded.media_type, kind = excluded.kind,
      artifact_type = excluded.artifact_type, platform = excluded.platform, config_digest = excluded.config_digest,
      created_at = excluded.created_at, layer_count = excluded.layer_count,
      history_accounts = excluded.history_accounts, chain_ids = excluded.chain_ids, step_ids = excluded.step_ids,
      solid_ids = excluded.solid_ids, last_chain = excluded.last_chain, last_step = excluded.last_step,
      release_id = excluded.release_id, layers = excluded.layers, fault = excluded.fault
    where (manifest.kind = 'absent'
      and (excluded.kind <> 'absent'
        or (excluded.fault <> 'not-found' and excluded.fault is distinct from manifest.fault)))
      or (manifest.kind = 'artifact' and manifest.fault is null and excluded.kind = 'artifact' and excluded.fault is not null)
    returning digest, first_push_at, first_seen_at`
}

/** An index that was told of before it could be read: what it holds was there as soon as it was. */
function toldBefore(learnt: readonly Upserted[], entries: readonly ObservedEntry[]): Sighting[] {
  return learnt.flatMap(({ digest, firstPushAt, firstSeenAt }) => {
    const sighted = entries.filter((entry) => entry.indexDigest === digest).map((entry) => entry.manifestDigest)
    const at = (time: bigint | null, exact: boolean): Sighting[] =>
      time === null || sighted.length === 0 ? [] : [{ sighted, seen: { at: time, exact, kind: 'push' } }]
    return [...at(firstPushAt, true), ...at(firstSeenAt, false)]
  })
}

async function insertEntries(tx: Tx, entries: readonly ObservedEntry[]): Promise<void> {
  const once = new Map(entries.map((entry) => [`${entry.indexDigest} ${entry.position}`, entry]))
  const rows = [...once.values()].map((e) => ({
    index_digest: e.indexDigest,
    position: e.position,
    manifest_digest: e.manifestDigest,
    platform: e.platform,
    attestation: e.attestation,
    attests: e.attests,
  }))
  // Once more of it could be read, an entry gets its config's platform, and an inner index gives way to its leaves.
  await tx`
    insert into index_entry (index_digest, position, manifest_digest, platform, attestation, attests)
    select * from json_to_recordset(${json(rows)}::text::json) as e (index_digest text, position int,
      manifest_digest text, platform text, attestation boolean, attests text)
    order by index_digest, position
    on conflict (index_digest, position) do update set manifest_digest = excluded.manifest_digest,
      platform = excluded.platform, attestation = excluded.attestation, attests = excluded.attests
    where index_entry.manifest_digest <> excluded.manifest_digest
      or (index_entry.platform is null and excluded.platform is not null)
      or (index_entry.attests is null and excluded.attests is not null)`
}

/** The earliest time wins: of pushes (exact) and of sightings, each in its own column. */
async function seenAt(tx: Tx, sightings: readonly Sighting[]): Promise<string[]> {
  const changed: string[] = []
  for (const exact of [true, false]) {
    const earliest = new Map<string, bigint>()
    for (const { sighted, seen } of sightings) {
      if (seen?.kind !== 'push' || seen.exact !== exact) continue
      for (const digest of sighted) {
        const known = earliest.get(digest)
        if (known === undefined || seen.at < known) earliest.set(digest, seen.at)
      }
    }
    if (earliest.size > 0) changed.push(...(await moveBack(tx, exact ? 'first_push_at' : 'first_seen_at', earliest)))
  }
  return changed
}

async function moveBack(
  tx: Tx,
  name: 'first_push_at' | 'first_seen_at',
  earliest: ReadonlyMap<string, bigint>,
): Promise<string[]> {
  const column = tx(name)
  const rows = await tx<{ digest: string }[]>`
    with due as (
      select manifest.digest, seen.at
      from unnest(${[...earliest.keys()]}::text[], ${[...earliest.values()].map(String)}::bigint[]) as seen (digest, at)
      join manifest on manifest.digest = seen.digest and (${column} is null or ${column} > seen.at)
      order by manifest.digest for no key update of manifest
    )
    update manifest set ${column} = due.at from due where manifest.digest = due.digest
    returning manifest.digest`
  return rows.map((row) => row.digest)
}

/** Inserts what is not known yet, and answers that. Key: subject, evidence, source, position. */
export async function insertDeclarations(tx: Tx, declarations: ObservedDeclaration[]): Promise<ObservedDeclaration[]> {
  const rows = declarations.map((declaration, i) => ({ ...declaration, i }))
  const inserted = await tx<{ subject: string; evidence: string; source: string; position: number }[]>`
    insert into declaration (subject, evidence, source, position, name, digest, platform, role, pinned, reason)
    select * from json_to_recordset(${json(rows)}::text::json) as d (subject text, evidence evidence_kind, source text,
      position int, name text, digest text, platform text, role base_role, pinned boolean, reason text)
    order by subject, evidence, source, position
    on conflict (subject, evidence, source, position) do nothing
    returning subject, evidence, source, position`
  const key = (d: { subject: string; evidence: string; source: string; position: number }) =>
    `${d.subject} ${d.evidence} ${d.source} ${d.position}`
  const fresh = new Set(inserted.map(key))
  return declarations.filter((declaration) => fresh.has(key(declaration)))
}

/** What was built from where. Key: subject, evidence, source. Nothing is judged by it, so nothing is marked. */
async function insertOrigins(tx: Tx, manifests: readonly ObservedManifest[]): Promise<void> {
  const rows = manifests.flatMap((manifest) => manifest.origins)
  if (rows.length === 0) return
  await tx`
    insert into origin (subject, evidence, source, url, revision, dockerfile, context, request)
    select * from json_to_recordset(${json(rows)}::text::json) as o (subject text, evidence evidence_kind, source text,
      url text, revision text, dockerfile text, context text, request jsonb)
    order by subject, evidence, source
    on conflict (subject, evidence, source) do nothing`
}
