import { keyOfRefSql } from '../access/key-of-ref.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { lockPeople, mergePeople, type Touched } from './merge-people.ts'
import { moveColumns, storedKeys } from './moved-columns.ts'
import { movedKey } from './namespace-key.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'config' | 'log' | 'registries'>

/** Where the registry is kept that was the only one at first: of it is what an old link says without a host (src/notify/link-key.ts). */
export const aloneSetting = 'registry-alone'

/**
 * Brings the stored keys of namespaces under what they are called with the registries of now (movedKey). One transaction. What is known under
 * the new key too stays under the old, and is told. Run at every start, before the registries are made known: which there were is what the last
 * start left in the database. A start without any registry moves nothing (follow-gone.ts).
 */
export async function moveKeys(d: Needs): Promise<void> {
  const now = d.config.registries.map(({ name }) => name).sort()
  if (now.length === 0) return
  await d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const before = await registriesBefore(tx)
    if (before.names.join(' ') === now.join(' ') && before.aliases === aliasesOf(d)) return
    await rememberAlone(tx, before.names)
    const hosts = { names: now, canonical: d.registries.canonicalHost }
    const moves = (await storedKeys(tx)).flatMap((from) => {
      const to = from === '*' ? null : movedKey(from, before.names, hosts)
      return to === null ? [] : [{ from, to }]
    })
    const [from, to] = [moves.map((move) => move.from), moves.map((move) => move.to)]
    const scopes: string[] = []
    for (const some of inPasses(moves)) {
      await tx`create temporary table moved_key (key_from text primary key, key_to text not null) on commit drop`
      await tx`
        insert into moved_key
        select * from unnest(${some.map(({ from }) => from)}::text[], ${some.map(({ to }) => to)}::text[])`
      await moveNamespaces(tx)
      scopes.push(...(await moveColumns(tx)))
      await tx`
        delete from namespace n using moved_key where n.key = key_from and not exists (select from credential where namespace_key = key_from)
          and not exists (select from git_hook where namespace_key = key_from) and not exists (select from channel where namespace_key = key_from)`
      await tx`drop table moved_key`
    }
    await followRefs(d, tx)
    await mergePeople(tx, { people: [], ...(await saidAmong(tx, to)) })
    for (const scope of new Set(scopes))
      await d.jobs.enqueue(tx, 'curate', { scope }, { key: `curate:${scope}`, queue: 'curate' })
    if (moves.length === 0) return
    d.log.info(
      { before: before.names, now, namespaces: moves.length },
      'other registries than at the last start: namespaces are called otherwise',
    )
    const stayed = (await storedKeys(tx)).filter((key) => from.includes(key) && !to.includes(key))
    if (stayed.length > 0) d.log.warn({ namespaces: stayed }, 'what is known under the new key too stays under the old')
  })
}

/**
 * Those of the last start (follow-aliases.ts keeps them, with those outside), and the aliases they had, as text. A database without that: those
 * that are no outside ones.
 */
async function registriesBefore(tx: Tx): Promise<{ names: string[]; aliases: string | null }> {
  const rows = await tx<{ name: string }[]>`
    select r.name from registry r where not r.outside and (
      not exists (select from setting where key = 'registry-aliases')
      or r.name in (select one ->> 0 from setting, lateral jsonb_array_elements(value::jsonb) as one where key = 'registry-aliases'))
    order by r.name collate "C"`
  const [kept] = await tx<{ value: string }[]>`select value from setting where key = 'registry-aliases'`
  const names = rows.map(({ name }) => name)
  return {
    names,
    aliases: kept ? textOf((JSON.parse(kept.value) as Aliases).filter(([name]) => names.includes(name))) : null,
  }
}

type Aliases = [name: string, aliases: string[]][]
const textOf = (all: Aliases): string =>
  JSON.stringify(all.map(([name, aliases]) => [name, [...aliases].sort()]).sort())
const aliasesOf = ({ config }: Pick<Needs, 'config'>): string =>
  textOf(config.registries.map(({ name, aliases = [] }) => [name, [...aliases]]))

async function rememberAlone(tx: Tx, before: readonly string[]): Promise<void> {
  if (before.length !== 1) return
  await tx`
    insert into setting (key, value) values (${aloneSetting}, ${before[0]!}) on conflict (key) do nothing`
}

/** A row under the new key for each, in which what hangs on it can be. Members are derived anew. */
async function moveNamespaces(tx: Tx): Promise<void> {
  await tx`
    insert into namespace (key, visibility) select key_to, visibility from namespace join moved_key on key = key_from
    on conflict (key) do nothing`
  await tx`delete from member m using moved_key where m.namespace_key = key_from`
}

/** Where a ref stands beside a key, it is the key of that ref, whatever it was: what is of a registry that is gone is in nobody's hands. */
async function followRefs(d: Needs, tx: Tx): Promise<void> {
  const ofRef = keyOfRefSql(tx, d, tx`ref`)
  const ofPlace = keyOfRefSql(tx, d, tx`split_part(place, ' ', 2)`)
  await tx`update notice set namespace = ${ofRef} where namespace <> ${ofRef}`
  await tx`update build set namespace_key = ${ofRef} where job is null and namespace_key <> ${ofRef}`
  await tx`
    update mail set about = array(
      select ${ofPlace} || ' ' || split_part(place, ' ', 2) from unnest(about) with ordinality as a (place, i) order by i)
    where state = 'pending' and exists (select from unnest(about) as place where split_part(place, ' ', 1) <> ${ofPlace})`
}

/** What is said of these keys. */
async function saidAmong(tx: Tx, keys: readonly string[]): Promise<Omit<Touched, 'people'>> {
  const these = tx`any(${[...keys]}::text[])`
  const said = await tx<{ key: string }[]>`select distinct key from namespace_said where key = ${these}`
  const members = await tx<{ namespace: string; user: string }[]>`
    select distinct namespace_key as namespace, user_name as "user" from member_said where namespace_key = ${these}`
  return { namespaces: said.map(({ key }) => key), members }
}

type Move = { from: string; to: string }

/**
 * One after another: what gives up a key without a host before what is to have it; of several that become one key, each in its turn, so that the
 * later finds what the earlier brought.
 */
function inPasses(moves: readonly Move[]): Move[][] {
  const leavers = moves.filter(({ from }) => !from.includes('/'))
  const others = moves.filter(({ from }) => from.includes('/'))
  return [leavers, others].flatMap((all) => {
    const passes: Move[][] = []
    for (const same of Map.groupBy(all, ({ to }) => to).values())
      for (const [i, move] of same.entries()) {
        passes[i] ??= []
        passes[i].push(move)
      }
    return passes
  })
}
