import type { Tx } from '../db/postgres.ts'
import { markNamespaces } from '../scanner/mark-shown.ts'
import { comeBack, noteLongGone } from './come-back.ts'
import { isGone } from './gone.ts'

/** Any number, the same in every process: what sources say is changed by one at a time. */
const peopleLock = 7_233_015

/** Whom and what a change was about. `namespaces`: their keys. */
export type Touched = {
  people: readonly string[]
  namespaces: readonly string[]
  members: readonly { namespace: string; user: string }[]
}

/** How many rows were changed, and which names began anew. */
export type Merged = { changed: number; anew: string[] }

/** To be taken before a *_said row is changed: else two changes of one name would each derive without the other's. Held to the end of the transaction. */
export const lockPeople = async (tx: Tx): Promise<void> => void (await tx`select pg_advisory_xact_lock(${peopleLock})`)

/**
 * Derives `person`, `namespace.visibility` and `member` anew from what the sources say of these names and keys, as docs/design/people.md
 * has it; of nothing else. A namespace of a registry that is configured no more is private and has nobody, whatever they say. To be called in the transaction of the change, under `lockPeople`. Who was gone for long and
 * is said again begins anew (come-back.ts). Running it twice changes nothing the second time. A member whose person nobody knows has no row until somebody does.
 */
export async function mergePeople(tx: Tx, touched: Touched): Promise<Merged> {
  const back = await comeBack(tx, touched.people)
  const people = await mergePersons(tx, touched.people)
  const namespaces = await mergeNamespaces(tx, [
    ...touched.namespaces,
    ...touched.members.map(({ namespace }) => namespace),
  ])
  const pairs = [...touched.members, ...back.members, ...(await membersOf(tx, people.appeared))]
  const members = await mergeMembers(tx, pairs)
  await noteLongGone(tx)
  return { changed: people.changed + namespaces + members, anew: back.names }
}

async function mergePersons(tx: Tx, names: readonly string[]): Promise<{ changed: number; appeared: string[] }> {
  if (names.length === 0) return { changed: 0, appeared: [] }
  const rows = await tx<{ name: string; appeared: boolean }[]>`
    with said as (
      select t.name, count(s.source) > 0 as known, coalesce(bool_and(s.enabled), false) as enabled,
        coalesce(bool_or(s.bot), false) as bot, coalesce(bool_or(s.admin), false) as admin,
        (array_agg(s.email order by s.source <> 'local', s.source collate "C") filter (where s.email is not null))[1] as email,
        (array_agg(s.display_name order by s.source <> 'local', s.source collate "C") filter (where s.display_name is not null))[1]
          as display_name
      from (select distinct unnest(${[...names]}::text[]) as name) as t left join person_said s on s.name = t.name group by t.name
    )
    insert into person as p (name, email, display_name, enabled, bot, admin, gone_at)
    select name, email, display_name, enabled, bot, admin, case when not known then statement_timestamp() end from said
    where known or exists (select from person known where known.name = said.name) order by name
    on conflict (name) do update set email = excluded.email, display_name = excluded.display_name, enabled = excluded.enabled,
      bot = excluded.bot, admin = excluded.admin,
      gone_at = case when excluded.gone_at is not null then coalesce(p.gone_at, excluded.gone_at) end,
      gone_long = p.gone_long and excluded.gone_at is not null
    where (p.email, p.display_name, p.enabled, p.bot, p.admin, p.gone_at is null) is distinct from
      (excluded.email, excluded.display_name, excluded.enabled, excluded.bot, excluded.admin, excluded.gone_at is null)
    returning name, xmax = 0 as appeared`
  await tx`
    delete from session s using person p where p.name = s.user_name and not p.enabled and p.name = any(${rows.map(({ name }) => name)})`
  return { changed: rows.length, appeared: rows.filter(({ appeared }) => appeared).map(({ name }) => name) }
}

async function mergeNamespaces(tx: Tx, keys: readonly string[]): Promise<number> {
  if (keys.length === 0) return 0
  const rows = await tx<{ key: string }[]>`
    insert into namespace as n (key, visibility)
    select t.key, coalesce(
      (array_agg(s.visibility order by s.source <> 'local', s.source collate "C") filter (where s.visibility is not null))[1], 'private')
    from (select distinct unnest(${[...keys]}::text[]) as key) as t left join namespace_said s on s.key = t.key and not ${isGone(tx, tx`t.key`)}
    group by t.key order by t.key
    on conflict (key) do update set visibility = excluded.visibility where n.visibility <> excluded.visibility
    returning key`
  await markNamespaces(
    tx,
    rows.map(({ key }) => key),
  )
  return rows.length
}

/** Roles that were said of people before anybody knew them. */
const membersOf = (tx: Tx, people: readonly string[]) =>
  tx<{ namespace: string; user: string }[]>`
    select distinct namespace_key as namespace, user_name as "user" from member_said where user_name = any(${[...people]})`

async function mergeMembers(tx: Tx, pairs: readonly { namespace: string; user: string }[]): Promise<number> {
  if (pairs.length === 0) return 0
  const [counts] = await tx<{ changed: number }[]>`
    with touched as materialized (
      select distinct * from unnest(${pairs.map(({ namespace }) => namespace)}::text[], ${pairs.map(({ user }) => user)}::text[])
        as t (namespace_key, user_name)
    ), said as materialized (
      select t.namespace_key, t.user_name, max(s.role) as role, bool_or(s.told) as told
      from touched t join member_said s using (namespace_key, user_name) join person p on p.name = t.user_name
      where not ${isGone(tx, tx`t.namespace_key`)} group by 1, 2
    ), gone as (
      delete from member m using touched t where m.namespace_key = t.namespace_key and m.user_name = t.user_name
        and not exists (select from said where said.namespace_key = m.namespace_key and said.user_name = m.user_name)
      returning 1
    ), put as (
      insert into member as m (namespace_key, user_name, role, told)
      select namespace_key, user_name, role, told from said order by namespace_key, user_name
      on conflict (namespace_key, user_name) do update set role = excluded.role, told = excluded.told
      where (m.role, m.told) is distinct from (excluded.role, excluded.told)
      returning 1
    )
    select (select count(*) from gone)::int + (select count(*) from put)::int as changed`
  return counts?.changed ?? 0
}
