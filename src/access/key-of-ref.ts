/**
 * In: where a repository lies, and which registries are configured.
 * Out: the key of its namespace (docs/design/namespaces.md), in TypeScript and in SQL.
 * Guarantees: nobody else says so; what is of no configured registry gets no key that is somebody's.
 */
import type { Config } from '../config.ts'
import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import { namespaceOf, type Reference } from '../oci/reference.ts'
import { namespaceKey } from '../people/namespace-key.ts'

type Configured = { config: { registries: readonly { name: string }[] } }
const hostsOf = (config: Pick<Config, 'registries'> | Configured['config']) => config.registries.map(({ name }) => name)

/**
 * The key of the namespace of a canonical ref (`host/repository[:tag]`). Of a registry that is not configured it is `host/namespace`,
 * which is nobody's: outside, or (a registry that was configured once) admins' alone (standing.ts).
 */
export function keyOfRef(d: Configured, ref: string): string {
  const slash = ref.indexOf('/')
  const [host, namespace] = [ref.slice(0, slash), namespaceOf(ref.slice(slash + 1))]
  return ownKey(d, host, namespace) ?? `${host}/${namespace}`
}

/** The key under which people, credentials and settings of a repository's namespace are found; null of a registry that is not configured. */
export const ownKeyOf = (d: Configured, { host, repository }: Pick<Reference, 'host' | 'repository'>): string | null =>
  ownKey(d, host, namespaceOf(repository))

const ownKey = ({ config }: Configured, host: string, namespace: string): string | null =>
  hostsOf(config).includes(host) ? namespaceKey(host, namespace, config.registries.length) : null

/** Whether keys begin with a host. */
export const keysNameHosts = ({ config }: Configured): boolean => config.registries.length > 1

/** The host of a key of a registry that is not configured; null of others. */
export function strangeHost(d: Configured, key: string): string | null {
  const slash = key.indexOf('/')
  const host = slash < 0 ? null : key.slice(0, slash)
  return host !== null && (!keysNameHosts(d) || !hostsOf(d.config).includes(host)) ? host : null
}

/** keyOfRef in SQL. */
export const keyOfRefSql = (sql: Sql | Tx, { config }: Configured, ref: Fragment) => sql`
  (case when ${config.registries.length < 2} and split_part(${ref}, '/', 1) = any(${hostsOf(config)}::text[]) then '' else split_part(${ref}, '/', 1) || '/' end
   || case when ${ref} like '%/%/%' then split_part(${ref}, '/', 2) else '_' end)`

/** The same of a repository's row: `r` the repository, `g` its registry. */
export const keyOfRowSql = (sql: Sql | Tx, { config }: Configured) => sql`
  (case when ${config.registries.length < 2} and g.name = any(${hostsOf(config)}::text[]) then r.namespace else g.name || '/' || r.namespace end)`
