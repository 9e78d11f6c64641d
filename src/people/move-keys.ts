import { keyOfRefSql } from '../access/key-of-ref.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { lockPeople, mergePeople, type Touched } from './merge-people.ts'
import { moveColumns, storedKeys } from './moved-columns.ts'
import { movedKey, unplaced, unplacedKey } from './namespace-key.ts'
import { hostAmong, keepRegistries, knownAfter, knownRegistries, makeOwn } from './registries-known.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'config' | 'log' | 'registries'>

/** Where the registry is kept that was the only one at first: of it is what an old link says without a host (src/notify/link-key.ts). */
export const aloneSetting = 'registry-alone'

/**
 * Brings the stored keys of namespaces under what they are called with the registries of now (movedKey). One transaction, with the note of which
 * registries those are. What is known under the new key too stays under the old, and is told; not without a host, under which it would be
 * another's. Run at every start, before the registries are made known. A start without any registry moves nothing (follow-gone.ts).
 */
export async function moveKeys(d: Needs): Promise<void> {
  const names = d.config.registries.map(({ name }) => name).sort()
  if (names.length === 0) return
  await d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const known = await knownRegistries(tx)
    const after = knownAfter(known, d.config.registries)
    await keepRegistries(tx, after)
    // where this start gets no further: gone at the next one, as any other
    await makeOwn(tx, names)
    const isSame = JSON.stringify(known.now) === JSON.stringify(after.now)
    if (isSame && names.length === 1) return
    const found = await storedKeys(tx)
    // a start without any registry may have left keys without a host, though several are known
    if (isSame && found.every((key) => key.includes('/') || key === '*')) return
    const before = known.now.map(({ name }) => name)
    await rememberAlone(tx, before)
    const now = { names, canonical: hostAmong(known, d.config.registries) }
    const moves = found.flatMap((from) => {
      const to = from === '*' ? null : movedKey(from, before, now)
      return to === null ? [] : [{ from, to }]
    })
    const [leavers, others] = [
      moves.filter(isBare),
      ownFirst(
        moves.filter((move) => !isBare(move)),
        names,
      ),
    ]
    const scopes: string[] = []
    for (const some of inPasses(leavers)) scopes.push(...(await movePass(tx, some)))
    const aside = setAside(leavers, await storedKeys(tx))
    if (aside.length > 0) scopes.push(...(await movePass(tx, aside)))
    for (const some of inPasses(others)) scopes.push(...(await movePass(tx, some)))
    await followRefs(d, tx)
    await followHosts(tx, now)
    await mergePeople(tx, {
      people: [],
      ...(await saidAmong(
        tx,
        [...moves, ...aside].map(({ to }) => to),
      )),
    })
    for (const scope of new Set(scopes))
      await d.jobs.enqueue(tx, 'curate', { scope }, { key: `curate:${scope}`, queue: 'curate' })
    if (moves.length === 0) return
    d.log.info(
      { before, now: names, namespaces: moves.length },
      'other registries than at the last start: namespaces are called otherwise',
    )
    const [from, to] = [others.map((move) => move.from), others.map((move) => move.to)]
    const stayed = (await storedKeys(tx)).filter((key) => from.includes(key) && !to.includes(key))
    if (stayed.length > 0) d.log.warn({ namespaces: stayed }, 'what is known under the new key too stays under the old')
    const nobodys = [...new Set([...moves, ...aside].map((move) => move.to).filter((key) => key.startsWith(unplaced)))]
    if (nobodys.length > 0)
      d.log.warn({ namespaces: nobodys }, 'what cannot be told of which registry it is, is nobody’s from now on')
  })
}

/** Answers the scopes of policies, by their new names. */
async function movePass(tx: Tx, moves: readonly Move[]): Promise<string[]> {
  await tx`create temporary table moved_key (key_from text primary key, key_to text not null) on commit drop`
  await tx`
    insert into moved_key
    select * from unnest(${moves.map(({ from }) => from)}::text[], ${moves.map(({ to }) => to)}::text[])`
  await moveNamespaces(tx)
  const scopes = await moveColumns(tx)
  await tx`
    delete from namespace n using moved_key where n.key = key_from and not exists (select from credential where namespace_key = key_from)
      and not exists (select from git_hook where namespace_key = key_from) and not exists (select from channel where namespace_key = key_from)`
  await tx`drop table moved_key`
  return scopes
}

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

/** Sources and owner rules name their registry by its name: what it is called now. */
async function followHosts(
  tx: Tx,
  { names, canonical }: { names: readonly string[]; canonical: (host: string) => string },
): Promise<void> {
  const rows = await tx<{ host: string }[]>`
    select registry as host from owner_rule union select registry from people_source where registry <> ''`
  for (const { host } of rows) {
    const called = canonical(host)
    if (called === host || !names.includes(called)) continue
    await tx`update owner_rule set registry = ${called} where registry = ${host}`
    await tx`update people_source set registry = ${called} where registry = ${host}`
  }
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
const isBare = ({ from }: Move): boolean => !from.includes('/')

/** Of several that become one key, that which has the registry's own name stands. */
const ownFirst = (moves: readonly Move[], names: readonly string[]): Move[] => {
  const isOwn = ({ from }: Move) => names.includes(from.slice(0, from.indexOf('/')))
  return [...moves.filter(isOwn), ...moves.filter((move) => !isOwn(move))]
}

/** Of several that become one key, each in its turn, so that the later finds what the earlier brought. */
function inPasses(moves: readonly Move[]): Move[][] {
  const passes: Move[][] = []
  for (const same of Map.groupBy(moves, ({ to }) => to).values())
    for (const [i, move] of same.entries()) {
      passes[i] ??= []
      passes[i].push(move)
    }
  return passes
}

/** What gives up a key without a host, and is left there since the new one is in use: under one that nobody has yet. */
function setAside(leavers: readonly Move[], stored: readonly string[]): Move[] {
  const used = new Set([...stored, ...leavers.map(({ to }) => to)])
  const free = (namespace: string, n = 1): string =>
    used.has(unplacedKey(namespace, n)) ? free(namespace, n + 1) : unplacedKey(namespace, n)
  return leavers.filter(({ from }) => used.has(from)).map(({ from }) => ({ from, to: free(from) }))
}
