import type { Sql, Tx } from '../db/postgres.ts'
import { canonicalHosts, normaliseHost } from '../oci/reference.ts'

/** Where it is kept: written once a start that has any registry, in the transaction that renames keys. */
const key = 'registries'

type Named = { name: string; aliases: readonly string[] }
/** `now`: those of the last start that had any. `once`: those of earlier ones, each as it was called at its last. */
export type KnownRegistries = { now: readonly Named[]; once: readonly Named[] }
type Configured = readonly { name: string; aliases?: readonly string[] | undefined }[]

const namedOf = (configured: Configured): Named[] =>
  configured.map(({ name, aliases = [] }) => ({ name, aliases: [...aliases].sort() })).sort(byName)
const byName = (a: Named, b: Named): number => (a.name < b.name ? -1 : 1)

/** What is known after a start with these. */
export function knownAfter({ now, once }: KnownRegistries, configured: Configured): KnownRegistries {
  const names = new Set(configured.map(({ name }) => name))
  const gone = new Map([...once, ...now].filter(({ name }) => !names.has(name)).map((one) => [one.name, one]))
  return { now: namedOf(configured), once: [...gone.values()].sort(byName) }
}

/**
 * What a host is called with these registries: one of their names, where it is one, an alias of one, or a registry that is configured no more
 * and that was, at its last start, also called as one is now. Else itself; also where that would be two.
 */
export function hostAmong({ now, once }: KnownRegistries, configured: Configured): (host: string) => string {
  const canonical = canonicalHosts(configured)
  const names = new Set(configured.map(({ name }) => name))
  const known = new Map([...once, ...now].map((one) => [one.name, one.aliases.map(normaliseHost)]))
  const found = (host: string, seen: Set<string>): string[] => {
    const called = names.has(host) ? host : canonical(host)
    if (names.has(called)) return [called]
    seen.add(host)
    // an alias that was never a registry is one host of several, as a common proxy's: it says nothing once another has it
    return (known.get(host) ?? [])
      .filter((alias) => !seen.has(alias) && (names.has(alias) || known.has(alias)))
      .flatMap((alias) => found(alias, seen))
  }
  return (host) => {
    const [only = host, ...others] = new Set(found(host, new Set()))
    return others.length > 0 ? host : only
  }
}

/** Null where no start has kept any yet. */
export async function keptRegistries(sql: Sql | Tx): Promise<KnownRegistries | null> {
  const [kept] = await sql<{ value: string }[]>`select value from setting where key = ${key}`
  return kept ? (JSON.parse(kept.value) as KnownRegistries) : null
}

/** A database that was started last before this was kept: the registries that send events and are not gone, with the aliases that are kept. */
export async function knownRegistries(sql: Sql | Tx): Promise<KnownRegistries> {
  const kept = await keptRegistries(sql)
  if (kept) return kept
  const rows = await sql<{ name: string }[]>`select name from registry where not outside and not gone`
  const [aliases] = await sql<{ value: string }[]>`select value from setting where key = 'registry-aliases'`
  const last = new Map(JSON.parse(aliases?.value ?? '[]') as [string, string[]][])
  const listed = rows.filter(({ name }) => last.has(name))
  return {
    now: namedOf((listed.length > 0 ? listed : rows).map(({ name }) => ({ name, aliases: last.get(name) ?? [] }))),
    once: [],
  }
}

export async function keepRegistries(tx: Tx, known: KnownRegistries): Promise<void> {
  await tx`
    insert into setting (key, value) values (${key}, ${JSON.stringify(known)}) on conflict (key) do update set value = excluded.value`
}

/** A row for each that is configured; one that was watched sends us its events from now on, and is asked without the limits of a watch. */
export async function makeOwn(tx: Tx, names: readonly string[]): Promise<void> {
  await tx`
    insert into registry (name) select name from unnest(${[...names].sort()}::text[]) as name
    where name not in (select name from registry where not outside)
    on conflict (name) do update set outside = false, paused_until = null, spent_until = null where registry.outside`
}
