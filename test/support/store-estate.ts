import type { Sql } from '../../src/db/postgres.ts'
import type { WorldRows } from '../../src/lineage/world.ts'
import { namespaceOf } from '../../src/oci/reference.ts'

/** Writes an estate's rows as ingest would have left them: what is there stays, tags take their new timelines. */
export async function storeEstate(sql: Sql, rows: WorldRows): Promise<void> {
  for (const host of rows.hosts) await sql`insert into registry (name) values (${host}) on conflict do nothing`
  for (const m of rows.manifests)
    await sql`
      insert into manifest (digest, media_type, kind, platform, created_at, layer_count, history_accounts, chain_ids, step_ids, solid_ids,
        last_chain, last_step, release_id, first_push_at, first_seen_at)
      values (${m.digest}, 'x', ${m.kind}, ${m.platform}, ${m.createdAt}, ${m.layerCount}, ${m.historyAccounts}, ${m.chainIds}::uuid[],
        ${m.stepIds}::uuid[], ${m.solidIds}::uuid[], ${m.chainIds.at(-1) ?? null}, ${m.stepIds.at(-1) ?? null}, ${m.releaseId},
        ${m.firstPushAt}, ${m.firstSeenAt})
      on conflict (digest) do update set first_push_at = excluded.first_push_at, first_seen_at = excluded.first_seen_at`
  for (const [i, e] of rows.entries.entries())
    await sql`
      insert into index_entry (index_digest, position, manifest_digest, platform, attestation)
      select ${e.indexDigest}, ${i}, ${e.manifestDigest}, ${e.platform}, ${e.attestation}
      where exists (select 1 from manifest where digest = ${e.indexDigest}) on conflict do nothing`
  for (const d of rows.declarations)
    await sql`
      insert into declaration (subject, evidence, source, position, name, digest, platform, role, pinned, reason)
      values (${d.subject}, ${d.evidence}, 'test', ${d.position}, ${d.name}, ${d.digest}, ${d.platform}, ${d.role}, ${d.pinned},
        ${d.reason})
      on conflict do nothing`
  for (const tag of rows.tags) await storeTag(sql, tag)
}

async function storeTag(sql: Sql, tag: WorldRows['tags'][number]): Promise<void> {
  const [host, ...path] = tag.repository.split('/')
  const name = path.join('/')
  const [repository] = await sql<{ id: number }[]>`
    insert into repository (registry_id, name, namespace) select id, ${name}, ${namespaceOf(name)} from registry where name = ${host!}
    on conflict (registry_id, name) do update set namespace = excluded.namespace returning id`
  const last = tag.spans.at(-1)
  const head = last && last.to === null ? last : null
  const [row] = await sql<{ id: number }[]>`
    insert into tag (repository_id, name, ref, head_digest, head_at)
    values (${repository!.id}, ${tag.ref.slice(tag.ref.lastIndexOf(':') + 1)}, ${tag.ref}, ${head?.digest ?? null}, ${head?.from ?? null})
    on conflict (ref) do update set head_digest = excluded.head_digest, head_at = excluded.head_at returning id`
  await sql`delete from tag_span where tag_id = ${row!.id}`
  for (const [seq, s] of tag.spans.entries())
    await sql`
      insert into tag_span (tag_id, seq, digest, from_at, to_at, exact)
      values (${row!.id}, ${seq}, ${s.digest}, ${s.from}, ${s.to}, ${s.exact})`
}

/** Says that these changed, as ingest does. */
export async function markDirty(sql: Sql, dirty: { kind: 'tag' | 'manifest'; key: string }[]): Promise<void> {
  for (const { kind, key } of dirty) await sql`insert into dirty (kind, key) values (${kind}, ${key})`
}
