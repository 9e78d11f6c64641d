import type { Tx } from '../db/postgres.ts'
import type { Losses, LossKind } from './shrinking.ts'
import type { Snapshot } from './sources/source.ts'

type Row = { kind: LossKind; before: number; gone: number; which: string | null }

/**
 * What a source said last and does not say any more: people; who of them was enabled, had an address, was an admin, whoever goes or stays;
 * roles; namespaces, and of which a visibility was said; owner rules, by their patterns, and whom they name.
 */
export async function lossOf(tx: Tx, source: string, snapshot: Snapshot): Promise<Losses> {
  const { people, namespaces, members, rules } = snapshot
  const rows = [
    ...(await personsLost(tx, source, people)),
    ...(await namespacesLost(tx, source, namespaces)),
    ...(await rolesLost(tx, source, members)),
    ...(await rulesLost(tx, source, rules)),
  ]
  const loss = (kind: LossKind, now: number) => {
    const found = rows.find((row) => row.kind === kind)
    return { before: found?.before ?? 0, gone: found?.gone ?? 0, now, which: found?.which ?? '' }
  }
  return {
    people: loss('people', people.length),
    enabled: loss('enabled', people.filter(({ enabled }) => enabled).length),
    addresses: loss('addresses', people.filter(({ email }) => email !== null).length),
    admins: loss('admins', people.filter(({ admin }) => admin).length),
    roles: loss('roles', members.length),
    namespaces: loss('namespaces', namespaces.length),
    visibilities: loss('visibilities', namespaces.filter(({ visibility }) => visibility !== null).length),
    rules: loss('rules', rules.length),
    owners: loss(
      'owners',
      rules.reduce((sum, { users }) => sum + users.length, 0),
    ),
  }
}

/** Counts what stands in `lost`: a row (kind, key, gone) for each there was. */
const counted = (tx: Tx) => tx`
  select kind, count(*)::int as before, count(*) filter (where gone)::int as gone,
    md5(string_agg(key, E'\n' order by key collate "C") filter (where gone)) as which
  from lost group by kind`

const personsLost = (tx: Tx, source: string, people: Snapshot['people']) => tx<Row[]>`
  with now as materialized (
    select * from unnest(${people.map(({ name }) => name)}::text[], ${people.map(({ enabled }) => String(enabled))}::text[]::bool[],
      ${people.map(({ email }) => String(email !== null))}::text[]::bool[], ${people.map(({ admin }) => String(admin))}::text[]::bool[])
      as now (name, enabled, addressed, admin)
  ), lost as (
    select kind, s.name as key, holds is not true as gone
    from person_said s left join now on now.name = s.name cross join lateral (values
      ('people', true, now.name is not null), ('enabled', s.enabled, now.enabled), ('addresses', s.email is not null, now.addressed),
      ('admins', s.admin, now.admin)) as of_them (kind, held, holds)
    where s.source = ${source} and held
  ) ${counted(tx)}`

const namespacesLost = (tx: Tx, source: string, namespaces: Snapshot['namespaces']) => tx<Row[]>`
  with now as materialized (
    select * from unnest(${namespaces.map(({ key }) => key)}::text[],
      ${namespaces.map(({ visibility }) => String(visibility !== null))}::text[]::bool[]) as now (key, seen)
  ), lost as (
    select kind, s.key, holds is not true as gone
    from namespace_said s left join now on now.key = s.key cross join lateral (values
      ('namespaces', true, now.key is not null), ('visibilities', s.visibility is not null, now.seen)) as of_them (kind, held, holds)
    where s.source = ${source} and held
  ) ${counted(tx)}`

const rolesLost = (tx: Tx, source: string, members: Snapshot['members']) => tx<Row[]>`
  with now as materialized (
    select * from unnest(${members.map(({ namespace }) => namespace)}::text[], ${members.map(({ user }) => user)}::text[])
      as now (namespace_key, user_name)
  ), lost as (
    select 'roles' as kind, namespace_key || ' ' || user_name as key, now.user_name is null as gone
    from member_said s left join now using (namespace_key, user_name) where s.source = ${source}
  ) ${counted(tx)}`

function rulesLost(tx: Tx, source: string, rules: Snapshot['rules']) {
  const said = JSON.stringify(rules.map(({ registry, pattern, users }) => ({ registry, pattern, users })))
  return tx<Row[]>`
    with now as materialized (
      select rule ->> 'registry' as registry, rule ->> 'pattern' as pattern, rule -> 'users' as users
      from jsonb_array_elements(${said}::text::jsonb) as rule
    ), named as materialized (
      select registry, pattern, name from now, lateral jsonb_array_elements_text(users) as name
    ), lost as (
      select 'rules' as kind, o.registry || ' ' || o.pattern as key,
        (o.registry, o.pattern) not in (select registry, pattern from now) as gone
      from owner_rule o where o.source = ${source}
      union all
      select 'owners', o.registry || ' ' || o.pattern || ' ' || was, (o.registry, o.pattern, was) not in (select registry, pattern, name from named)
      from owner_rule o, lateral unnest(o.users) as was where o.source = ${source}
    ) ${counted(tx)}`
}
