import type { Config } from '../config.ts'
import type { Sql, Tx } from '../db/postgres.ts'
import { keptRegistries } from './registries-known.ts'

/**
 * The registries of the last start that had any, where those of this process are others; null where they are the same, or there was no such
 * start. Keys are those of that start: this process would take one registry's namespace for another's (docs/design/namespaces.md).
 */
export async function otherRegistries(
  sql: Sql | Tx,
  { registries }: Pick<Config, 'registries'>,
): Promise<string[] | null> {
  const kept = await keptRegistries(sql)
  const last = kept?.now.map(({ name }) => name) ?? null
  const own = new Set(registries.map(({ name }) => name))
  return last === null || (last.length === own.size && last.every((name) => own.has(name))) ? null : last
}
