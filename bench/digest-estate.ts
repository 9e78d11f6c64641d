import type { Sql } from '../src/db/postgres.ts'

/**
 * So many tags, all outdated by one base, in as many namespaces as there are people, of whom so many (`readers`) look after each. Nobody has
 * been told of anything. `ruled`: by a rule over all of it rather than as members; `readers` is then how many there are. `recipes`: each tag has
 * one, so that a mail says where its rebuild stands.
 */
export async function storeAffected(
  sql: Sql,
  {
    images,
    people,
    readers,
    ruled = false,
    recipes = false,
  }: { images: number; people: number; readers: number; ruled?: boolean; recipes?: boolean },
): Promise<void> {
  const namespaces = people
  const at = (BigInt(Date.now()) * 1_000_000n).toString()
  await sql`truncate registry, namespace, person, build, notice, mail, recipe, owner_rule restart identity cascade`
  await sql`insert into registry (name) values ('r.example')`
  await sql`insert into repository (registry_id, name, namespace) values (1, 'lib/base', 'lib')`
  await sql`
    insert into repository (registry_id, name, namespace)
    select 1, 'team' || n % ${namespaces} || '/app' || n, 'team' || n % ${namespaces} from generate_series(1, ${images}::int) n`
  await sql`
    insert into tag (repository_id, name, ref, head_digest, head_at, status)
    select id, '1', 'r.example/' || name || ':1', 'sha256:' || encode(sha256(name::bytea), 'hex'), ${at}::bigint, 'outdated' from repository`
  await sql`
    insert into cause (tag_id, base, role, from_digest, to_digest, evidence, confidence, still_at, platforms, counted, since)
    select t.id, 'r.example/lib/base:1', 'runtime', 'sha256:' || repeat('a', 64), 'sha256:' || repeat('b', 64), '{layers}', 'inferred', '{}',
      '{linux/amd64}', true, ${at}::bigint
    from tag t join repository r on r.id = t.repository_id where r.namespace <> 'lib'`
  await sql`insert into namespace (key, visibility) select 'team' || n, 'private' from generate_series(0, ${namespaces - 1}) n`
  await sql`insert into namespace (key, visibility) values ('lib', 'protected')`
  await sql`
    insert into person (name, email, display_name)
    select 'person' || n, 'person' || n || '@example.org', 'Person ' || n from generate_series(1, ${people}::int) n`
  if (ruled)
    await sql`
      insert into owner_rule (source, position, registry, pattern, regex, users)
      select 'file', 1, 'r.example', '*', '', array_agg('person' || n) from generate_series(1, ${readers}::int) n`
  else
    await sql`
    insert into member (namespace_key, user_name, role)
    select 'team' || (n + more) % ${namespaces}, 'person' || n, 'contributor'::member_role
    from generate_series(1, ${people}::int) n cross join generate_series(0, ${readers - 1}::int) more`
  if (recipes)
    await sql`
      insert into recipe (ref, spec, auto, updated_at)
      select ref, ${JSON.stringify({ strategy: 'rebase', auto: true })}::text::jsonb, true, now() from tag where id > 1`
  await sql`analyze`
}
