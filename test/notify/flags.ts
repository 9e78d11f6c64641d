import type { Sql } from '../../src/db/postgres.ts'
import { namespaceOf, parseReference } from '../../src/oci/reference.ts'

/** Rows as other steps leave them: registries, tags, causes, builds, people. Digests are made of a word. */
export const sha = (word: string): string => `sha256:${Buffer.from(word).toString('hex').padEnd(64, '0').slice(0, 64)}`

export async function addTag(sql: Sql, ref: string, head: { digest: string; at?: bigint } | null): Promise<number> {
  const parsed = parseReference(ref)!
  const [registry] = await sql<{ id: number }[]>`
    insert into registry (name) values (${parsed.host}) on conflict (name) do update set name = excluded.name returning id`
  const [repository] = await sql<{ id: number }[]>`
    insert into repository (registry_id, name, namespace) values (${registry!.id}, ${parsed.repository}, ${namespaceOf(parsed.repository)})
    on conflict (registry_id, name) do update set namespace = excluded.namespace returning id`
  const [tag] = await sql<{ id: number }[]>`
    insert into tag (repository_id, name, ref, head_digest, head_at, status)
    values (${repository!.id}, ${parsed.tag}, ${ref}, ${head?.digest ?? null}, ${(head?.at ?? 1n).toString()}, ${head ? 'current' : null}::tag_status)
    on conflict (ref) do update set head_digest = excluded.head_digest, head_at = excluded.head_at, status = excluded.status returning id`
  return tag!.id
}

export type Flag = {
  base: string
  to: string
  from?: string | null
  role?: 'runtime' | 'build'
  via?: string | null
  counted?: boolean
  confidence?: 'declared' | 'inferred' | 'ambiguous'
  stillAt?: string[]
}

/** Replaces the verdict of a tag as refresh does: outdated by these causes, or current where there are none. */
export async function judge(sql: Sql, ref: string, causes: Flag[]): Promise<void> {
  await sql.begin(async (tx) => {
    const [tag] = await tx<{ id: number }[]>`
      update tag set status = ${causes.some((c) => c.counted !== false) ? 'outdated' : 'current'}::tag_status where ref = ${ref} returning id`
    await tx`delete from cause where tag_id = ${tag!.id}`
    for (const { base, to, from, role, via, counted, confidence, stillAt } of causes)
      await tx`
        insert into cause (tag_id, base, role, from_digest, to_digest, evidence, confidence, still_at, via, platforms, counted, since)
        values (${tag!.id}, ${base}, ${role ?? 'runtime'}::base_role, ${from ?? null}, ${to}, '{layers}', ${confidence ?? 'inferred'}::confidence,
          ${stillAt ?? []}, ${via ?? null}, '{linux/amd64}', ${counted ?? true}, 1795229881000000000)`
  })
}

/** A tag that is outdated by these causes. */
export async function addOutdated(sql: Sql, ref: string, ...causes: Flag[]): Promise<void> {
  await addTag(sql, ref, { digest: sha(ref) })
  await judge(sql, ref, causes)
}

type Person = {
  email?: string | null
  enabled?: boolean
  bot?: boolean
  role?: 'viewer' | 'contributor' | 'owner'
  displayName?: string
}

export async function addMember(sql: Sql, namespace: string, name: string, person: Person = {}): Promise<void> {
  const email = person.email === undefined ? `${name}@example.org` : person.email
  await sql`
    insert into person (name, email, display_name, enabled, bot)
    values (${name}, ${email}, ${person.displayName ?? null}, ${person.enabled ?? true}, ${person.bot ?? false}) on conflict (name) do nothing`
  await sql`insert into namespace (key) values (${namespace}) on conflict do nothing`
  await sql`
    insert into member (namespace_key, user_name, role) values (${namespace}, ${name}, ${person.role ?? 'owner'}::member_role)
    on conflict do nothing`
}

/** A build of ours; `digest` null = it runs still. */
export async function addBuild(
  sql: Sql,
  ref: string,
  root: string | null,
  digest: string | null,
  at = new Date(),
): Promise<string> {
  const [build] = await sql<{ id: string }[]>`
    insert into build (ref, state, key, reason, root, recipe, created_at, started_at, finished_at, digest)
    values (${ref}, ${digest === null ? 'running' : 'succeeded'}::build_state, ${`key of ${ref}`}, '{}', ${root}, '{}', ${at}, ${at},
      ${digest === null ? null : at}, ${digest}) returning id`
  return build!.id
}

export const nanoseconds = (date: Date): bigint => BigInt(date.getTime()) * 1_000_000n

/** Empties every table, so that each test stands alone. */
export async function wipe(sql: Sql): Promise<void> {
  await sql`truncate registry, namespace, person, person_said, namespace_said, member_said, owner_rule, people_source, build, notice, mail, recipe
    restart identity cascade`
  await sql`delete from graphile_worker._private_jobs`
}
