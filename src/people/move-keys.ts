import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { lockPeople, mergePeople } from './merge-people.ts'
import { movedKey } from './namespace-key.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'config' | 'log'>

/** Columns that hold a namespace's key, each with those that stand once beside it. `audit` tells what was, and stays. */
const columns: Record<string, { key: string; once: string[] | null }> = {
  namespace_said: { key: 'key', once: ['source'] },
  member_said: { key: 'namespace_key', once: ['source', 'user_name'] },
  notify_namespace: { key: 'namespace_key', once: ['user_name'] },
  notice: { key: 'namespace', once: null },
  credential: { key: 'namespace_key', once: ['name'] },
  git_hook: { key: 'namespace_key', once: [] },
  git_delivery: { key: 'namespace_key', once: ['id'] },
  channel: { key: 'namespace_key', once: ['name'] },
  build: { key: 'namespace_key', once: null },
  tag_policy: { key: 'scope', once: [] },
  pause: { key: 'scope', once: [] },
}

/**
 * Brings the stored keys of namespaces under what they are called with the registries of now (movedKey), where there were one and are
 * several, or were several and are one. One transaction. What is known under the new key too stays under the old, and is told. Run at every
 * start, before the registries are made known: which there were is what the last start left in the database.
 */
export async function moveKeys(d: Needs): Promise<void> {
  const now = d.config.registries.map(({ name }) => name)
  await d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const before = await registriesBefore(tx)
    if ((before.length === 1) === (now.length === 1)) return
    const moves = (await storedKeys(tx)).flatMap((from) => {
      const to = from === '*' ? null : movedKey(from, before, now)
      return to === null ? [] : [{ from, to }]
    })
    if (moves.length === 0) return
    const [from, to] = [moves.map((move) => move.from), moves.map((move) => move.to)]
    await tx`create temporary table moved_key (key_from text primary key, key_to text not null) on commit drop`
    await tx`insert into moved_key select * from unnest(${from}::text[], ${to}::text[])`
    const members = await moveNamespaces(tx)
    const scopes = await moveColumns(tx)
    await moveWords(tx)
    await tx`
      delete from namespace n using moved_key where n.key = key_from and not exists (select from credential where namespace_key = key_from)
        and not exists (select from git_hook where namespace_key = key_from) and not exists (select from channel where namespace_key = key_from)`
    await mergePeople(tx, { people: [], namespaces: await saidKeys(tx), members })
    for (const scope of scopes)
      await d.jobs.enqueue(tx, 'curate', { scope }, { key: `curate:${scope}`, queue: 'curate' })
    d.log.info(
      { before, now, namespaces: moves.length },
      'other registries than at the last start: namespaces are called otherwise',
    )
    const stayed = (await storedKeys(tx)).filter((key) => from.includes(key))
    if (stayed.length > 0) d.log.warn({ namespaces: stayed }, 'what is known under the new key too stays under the old')
  })
}

/** Those of the last start (follow-aliases.ts keeps them, with those outside). A database without that: those that are no outside ones. */
async function registriesBefore(tx: Tx): Promise<string[]> {
  const rows = await tx<{ name: string }[]>`
    select r.name from registry r where not r.outside and (
      not exists (select from setting where key = 'registry-aliases')
      or r.name in (select one ->> 0 from setting, lateral jsonb_array_elements(value::jsonb) as one where key = 'registry-aliases'))
    order by r.name`
  return rows.map(({ name }) => name)
}

async function storedKeys(tx: Tx): Promise<string[]> {
  const found = new Set<string>()
  for (const [table, { key }] of Object.entries({ ...columns, namespace: { key: 'key' } }))
    for (const row of await tx<{ key: string }[]>`select distinct ${tx(key)} as key from ${tx(table)}`)
      found.add(row.key)
  const words = await tx<{ key: string }[]>`
    select distinct split_part(place, ' ', 1) as key from mail, unnest(about) as place where state = 'pending'
    union select substr(scope, strpos(scope, ':') + 1) from token, unnest(scopes) as scope where strpos(scope, ':') > 0`
  for (const { key } of words) found.add(key)
  return [...found].sort()
}

/** A row under the new key for each, in which what hangs on it can be. Members are derived anew: answers whose. */
async function moveNamespaces(tx: Tx): Promise<{ namespace: string; user: string }[]> {
  await tx`
    insert into namespace (key, visibility) select key_to, visibility from namespace join moved_key on key = key_from
    on conflict (key) do nothing`
  return tx`
    delete from member m using moved_key where m.namespace_key = key_from
    returning key_to as namespace, m.user_name as "user"`
}

/** Answers the scopes of policies, by their new names. */
async function moveColumns(tx: Tx): Promise<string[]> {
  const scopes: string[] = []
  for (const [table, { key, once }] of Object.entries(columns)) {
    const same = (once ?? []).reduce((all, column) => tx`${all} and other.${tx(column)} = t.${tx(column)}`, tx``)
    const free =
      once === null ? tx`` : tx`and not exists (select from ${tx(table)} other where other.${tx(key)} = key_to ${same})`
    const moved = await tx<{ key: string }[]>`
      update ${tx(table)} t set ${tx(key)} = key_to from moved_key where t.${tx(key)} = key_from ${free} returning t.${tx(key)} as key`
    if (table === 'tag_policy') scopes.push(...moved.map((row) => row.key))
  }
  return scopes
}

/** Keys within longer words: of what a mail that waits is, and what a token is narrowed to. */
async function moveWords(tx: Tx): Promise<void> {
  await tx`
    update mail set about = array(
      select coalesce((select key_to from moved_key where key_from = split_part(place, ' ', 1)) || substr(place, strpos(place, ' ')), place)
      from unnest(about) with ordinality as a (place, i) order by i)
    where state = 'pending' and exists (select from unnest(about) as place join moved_key on key_from = split_part(place, ' ', 1))`
  await tx`
    update token set scopes = array(
      select coalesce(split_part(scope, ':', 1) || ':' || (select key_to from moved_key where key_from = substr(scope, strpos(scope, ':') + 1)), scope)
      from unnest(scopes) with ordinality as s (scope, i) order by i)
    where exists (select from unnest(scopes) as scope join moved_key on strpos(scope, ':') > 0 and key_from = substr(scope, strpos(scope, ':') + 1))`
}

const saidKeys = async (tx: Tx): Promise<string[]> =>
  (await tx<{ key: string }[]>`select key from namespace_said join moved_key on key = key_to`).map(({ key }) => key)
