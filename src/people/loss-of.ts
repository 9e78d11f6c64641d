import type { Tx } from '../db/postgres.ts'
import type { Losses } from './shrinking.ts'
import type { Snapshot } from './sources/source.ts'

/**
 * What a source said last and does not say any more: people; addresses and admins, whoever goes or stays; roles; owner rules, by their
 * patterns, and whom they name.
 */
export async function lossOf(tx: Tx, source: string, { people, members, rules }: Snapshot): Promise<Losses> {
  const [persons] = await tx<Record<string, number>[]>`
    with now as materialized (
      select * from unnest(${people.map(({ name }) => name)}::text[], ${people.map(({ email }) => String(email !== null))}::text[]::bool[],
        ${people.map(({ admin }) => String(admin))}::text[]::bool[]) as now (name, addressed, admin)
    )
    select count(*)::int as people, count(*) filter (where now.name is null)::int as people_gone,
      count(s.email)::int as addresses, count(s.email) filter (where now.addressed is not true)::int as addresses_gone,
      count(*) filter (where s.admin)::int as admins, count(*) filter (where s.admin and now.admin is not true)::int as admins_gone
    from person_said s left join now on now.name = s.name where s.source = ${source}`
  const [keys, users] = [members.map(({ namespace }) => namespace), members.map(({ user }) => user)]
  const [roles] = await tx<Record<string, number>[]>`
    select count(*)::int as roles, count(*) filter (where (namespace_key, user_name) not in (
      select * from unnest(${keys}::text[], ${users}::text[])))::int as roles_gone
    from member_said where source = ${source}`
  const said = JSON.stringify(rules.map(({ registry, pattern, users: named }) => ({ registry, pattern, users: named })))
  const [ruled] = await tx<Record<string, number>[]>`
    with now as materialized (
      select rule ->> 'registry' as registry, rule ->> 'pattern' as pattern, rule -> 'users' as users
      from jsonb_array_elements(${said}::text::jsonb) as rule
    ), named as materialized (
      select registry, pattern, name from now, lateral jsonb_array_elements_text(users) as name
    )
    select count(*)::int as rules, count(*) filter (where (o.registry, o.pattern) not in (select registry, pattern from now))::int as rules_gone,
      coalesce(sum(cardinality(o.users)), 0)::int as owners,
      coalesce(sum((select count(*) from unnest(o.users) as was
        where (o.registry, o.pattern, was) not in (select registry, pattern, name from named))), 0)::int as owners_gone
    from owner_rule o where o.source = ${source}`
  const all = { ...persons, ...roles, ...ruled }
  const loss = (kind: keyof Losses) => ({ before: all[kind] ?? 0, gone: all[`${kind}Gone`] ?? 0 })
  return {
    people: loss('people'),
    addresses: loss('addresses'),
    admins: loss('admins'),
    roles: loss('roles'),
    rules: loss('rules'),
    owners: loss('owners'),
  }
}
