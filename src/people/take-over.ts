import type { Tx } from '../db/postgres.ts'
import { mergePeople, type Touched } from './merge-people.ts'
import type { SaidRule, Snapshot } from './sources/source.ts'

/**
 * Replaces what a source said by a snapshot, and derives what follows, of what has changed alone. To be called under lockPeople. Answers
 * whether anything has, and which names begin anew (come-back.ts).
 */
export async function takeOver(
  tx: Tx,
  source: string,
  snapshot: Snapshot,
): Promise<{ changed: boolean; anew: string[] }> {
  const people = await replacePeople(tx, source, snapshot)
  const namespaces = await replaceNamespaces(tx, source, snapshot)
  const members = await replaceMembers(tx, source, snapshot)
  const rules = await replaceRules(tx, source, snapshot.rules)
  const touched: Touched = {
    people: people.map(({ name }) => name),
    namespaces: namespaces.map(({ key }) => key),
    members,
  }
  const { changed, anew } = await mergePeople(tx, touched)
  return { changed: changed > 0 || rules, anew }
}

/** Forgets all that a source said. To be called under lockPeople. */
export const forgetSource = async (tx: Tx, source: string): Promise<void> =>
  void (await takeOver(tx, source, { people: [], namespaces: [], members: [], rules: [], notes: [] }))

/**
 * Those that have come, changed or gone. `not exists`, which is a hash join however many there are: an array would be run through for each row
 * (10,000 people: 45 s), and so would `not in` as soon as its hash table were larger than work_mem (100,000: over 9 minutes, where this takes 1 s).
 */
const replacePeople = (tx: Tx, source: string, { people }: Snapshot) => tx<{ name: string }[]>`
  with now as materialized (
    select * from unnest(${people.map(({ name }) => name)}::text[], ${people.map(({ email }) => email)}::text[],
      ${people.map(({ displayName }) => displayName)}::text[], ${people.map(({ enabled }) => String(enabled))}::text[]::bool[],
      ${people.map(({ bot }) => String(bot))}::text[]::bool[], ${people.map(({ admin }) => String(admin))}::text[]::bool[])
      as now (name, email, display_name, enabled, bot, admin)
  ), gone as (
    delete from person_said s where s.source = ${source} and not exists (select from now where now.name = s.name) returning s.name
  ), put as (
    insert into person_said as s (source, name, email, display_name, enabled, bot, admin) select ${source}, now.* from now
    on conflict (source, name) do update set email = excluded.email, display_name = excluded.display_name,
      enabled = excluded.enabled, bot = excluded.bot, admin = excluded.admin
    where (s.email, s.display_name, s.enabled, s.bot, s.admin)
      is distinct from (excluded.email, excluded.display_name, excluded.enabled, excluded.bot, excluded.admin)
    returning s.name
  )
  select name from gone union all select name from put`

const replaceNamespaces = (tx: Tx, source: string, { namespaces }: Snapshot) => tx<{ key: string }[]>`
  with now as materialized (
    select * from unnest(${namespaces.map(({ key }) => key)}::text[], ${namespaces.map(({ visibility }) => visibility)}::text[]::visibility[])
      as now (key, visibility)
  ), gone as (
    delete from namespace_said s where s.source = ${source} and not exists (select from now where now.key = s.key) returning s.key
  ), put as (
    insert into namespace_said as s (source, key, visibility) select ${source}, now.* from now
    on conflict (source, key) do update set visibility = excluded.visibility
    where s.visibility is distinct from excluded.visibility
    returning s.key
  )
  select key from gone union all select key from put`

const replaceMembers = (tx: Tx, source: string, { members }: Snapshot) => tx<{ namespace: string; user: string }[]>`
  with now as materialized (
    select * from unnest(${members.map(({ namespace }) => namespace)}::text[], ${members.map(({ user }) => user)}::text[],
      ${members.map(({ role }) => role)}::text[]::member_role[], ${members.map(({ told }) => String(told))}::text[]::bool[])
      as now (namespace_key, user_name, role, told)
  ), gone as (
    delete from member_said s where s.source = ${source}
      and not exists (select from now where now.namespace_key = s.namespace_key and now.user_name = s.user_name)
    returning s.namespace_key, s.user_name
  ), put as (
    insert into member_said as s (source, namespace_key, user_name, role, told) select ${source}, now.* from now
    on conflict (source, namespace_key, user_name) do update set role = excluded.role, told = excluded.told
    where (s.role, s.told) is distinct from (excluded.role, excluded.told)
    returning s.namespace_key, s.user_name
  )
  select namespace_key as namespace, user_name as "user" from gone
  union all select namespace_key, user_name from put`

async function replaceRules(tx: Tx, source: string, rules: readonly SaidRule[]): Promise<boolean> {
  const text = JSON.stringify(rules.map(({ registry, pattern, regex, users }) => ({ registry, pattern, regex, users })))
  const gone = await tx`
    delete from owner_rule o where o.source = ${source} and (o.position, jsonb_build_object('registry', o.registry, 'pattern', o.pattern,
      'regex', o.regex, 'users', to_jsonb(o.users))) not in (
      select position::int, rule from jsonb_array_elements(${text}::text::jsonb) with ordinality as now (rule, position))`
  const put = await tx`
    insert into owner_rule (source, position, registry, pattern, regex, users)
    select ${source}, position, rule ->> 'registry', rule ->> 'pattern', rule ->> 'regex',
      array(select jsonb_array_elements_text(rule -> 'users'))
    from jsonb_array_elements(${text}::text::jsonb) with ordinality as now (rule, position)
    on conflict (source, position) do nothing`
  return gone.count + put.count > 0
}
