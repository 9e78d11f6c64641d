import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { markDirty } from '../ingest/save.ts'
import { canonicalRef } from '../oci/reference.ts'
import { declaredNames } from './declared-names.ts'

/** Where the aliases that the stored names follow are kept, so that a start that changes none reads one row. */
const key = 'registry-aliases'

/**
 * Brings stored names under the hosts that the configuration gives their registries now, where it has changed since the last start:
 * what declarations name, the `base` of recipes, snoozed bases. A host that ceases to be an alias cannot be told any more from the
 * name it was stored under. Where nothing is configured, nothing has changed: another process may serve them.
 */
export async function followAliases(d: Pick<Deps, 'jobs' | 'registries' | 'config'>, tx: Tx): Promise<void> {
  if (d.config.registries.length === 0) return
  const now = JSON.stringify(
    [...d.config.registries, ...d.config.outside].map(({ name, aliases = [] }) => [name, [...aliases].sort()]).sort(),
  )
  const [last] = await tx<{ value: string }[]>`select value from setting where key = ${key}`
  if (last?.value === now) return
  await tx`insert into setting (key, value) values (${key}, ${now}) on conflict (key) do update set value = excluded.value`
  const canonical = (ref: string) => canonicalRef(d.registries.canonicalHost, ref)
  const moved = (refs: readonly string[]) =>
    [...new Set(refs)].map((from) => ({ from, to: canonical(from) })).filter(({ from, to }) => from !== to)
  const subjects = new Set<string>()
  for (const { from, to } of moved(await declaredNames(tx))) {
    const rows = await tx<
      { subject: string }[]
    >`update declaration set name = ${to} where name = ${from} returning subject`
    for (const { subject } of rows) subjects.add(subject)
  }
  const bases = await tx<
    { base: string }[]
  >`select distinct spec ->> 'base' as base from recipe where spec ->> 'base' like '%/%'`
  for (const { from, to } of moved(bases.map((row) => row.base)))
    await tx`
      update recipe set spec = jsonb_set(spec, '{base}', to_jsonb(${to}::text)),
        change = 'recipes@' || to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
      where spec ->> 'base' = ${from}`
  const snoozed = await tx<{ ref: string }[]>`select ref from snooze where kind = 'base'`
  for (const { from, to } of moved(snoozed.map((row) => row.ref)))
    await tx`
      update snooze set ref = ${to} where kind = 'base' and ref = ${from}
        and not exists (select from snooze other where other.kind = 'base' and other.ref = ${to})`
  await markDirty(d, tx, { tags: [], manifests: [...subjects] })
}
