import { readFileSync } from 'node:fs'
import { readOther } from '../../db/read-other.ts'
import type { PeopleSourceConfig } from '../../people-settings.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import { type DatabaseAddress, databaseAddress } from './database-address.ts'
import { parseSaid } from './parse-said.ts'
import { type PortusTables, portusClaims, portusTables } from './portus-claims.ts'
import { readMysql } from './read-mysql.ts'
import { snapshotOf } from './snapshot-of.ts'
import { type Limits, type PeopleSource, SourceError, type SourceErrorCode, usualLimits } from './source.ts'

type Config = Extract<PeopleSourceConfig, { kind: 'portus-database' }>

/** Rows that are read of a table at most; more is no Portus. */
export const mostRows = 1_000_000
/** The same words in MySQL, MariaDB and PostgreSQL. */
const statements: Record<keyof PortusTables, string> = {
  registries: 'select id, hostname, external_hostname from registries',
  namespaces: 'select n.id, n.name, n.team_id, n.registry_id, n.global, n.visibility from namespaces n',
  team_users: 'select t.user_id, t.team_id, t.role from team_users t',
  users: 'select u.id, u.username, u.email, u.display_name, u.admin, u.enabled, u.bot from users u',
}

/** How databases are asked: each of the statements, in one read-only transaction that sees one moment; rows as they come. */
export type ReadRows = (
  address: DatabaseAddress,
  ask: { statements: readonly string[]; ca: string | null; limits: Limits; signal: AbortSignal },
) => Promise<unknown[][]>

const readers: Record<DatabaseAddress['kind'], ReadRows> = { mysql: readMysql, postgres: readOther }

/** Portus' database: exact roles. Its account needs to read registries, namespaces, team_users and users, and nothing else. */
export function portusDatabase(
  config: Config,
  registries: readonly RegistryConfig[],
  limits = usualLimits,
): PeopleSource {
  const address = databaseAddress(config.databaseUrl)
  return {
    name: config.name,
    async read(signal) {
      const names = Object.keys(statements) as (keyof PortusTables)[]
      const limited = names.map((name) => `${statements[name]} limit ${mostRows + 1}`)
      const ask = { statements: limited, ca: certificates(address), limits, signal }
      const rows = await readers[address.kind](address, ask).catch((error: unknown) => {
        signal.throwIfAborted()
        throw inWords(error, address)
      })
      const tables = Object.fromEntries(
        names.map((name, i) => [name, parseSaid(portusTables[name], rows[i], `the table ${name}`)]),
      ) as PortusTables
      for (const name of names)
        if (tables[name].length > mostRows)
          throw new SourceError('too-large', `the table ${name} has over ${mostRows} rows`)
      return snapshotOf(portusClaims(tables, registries), registries.length)
    },
  }
}

function certificates({ tls }: DatabaseAddress): string | null {
  if (!tls?.caFile) return null
  try {
    return readFileSync(tls.caFile, 'utf8')
  } catch (error) {
    throw new SourceError('unreadable', `${tls.caFile} (sslrootcert) cannot be read`, error)
  }
}

/** SQLSTATE of PostgreSQL, and the names that MySQL and MariaDB have. */
const codes: [RegExp, SourceErrorCode, string][] = [
  [
    /^(28P01|28000|ER_ACCESS_DENIED_ERROR|ER_ACCESS_DENIED_NO_PASSWORD_ERROR)$/,
    'unauthorized',
    'the account is not accepted',
  ],
  [/^(42501|ER_(TABLEACCESS|COLUMNACCESS|DBACCESS)_DENIED_ERROR)$/, 'forbidden', 'the account may not read this'],
  [
    /^(42P01|42703|3F000|3D000|ER_NO_SUCH_TABLE|ER_BAD_FIELD_ERROR|ER_BAD_DB_ERROR)$/,
    'nonsense',
    'is no database of Portus 2.4',
  ],
  [/^(57014|ETIMEDOUT|CONNECT_TIMEOUT|PROTOCOL_SEQUENCE_TIMEOUT)$/, 'timeout', 'does not answer in time'],
]

function inWords(error: unknown, { host, port }: DatabaseAddress): SourceError {
  if (error instanceof SourceError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = error instanceof Error ? error.message : String(error)
  const [, known, words] =
    codes.find(([pattern]) => pattern.test(code)) ?? ([null, 'unreachable', 'cannot be read'] as const)
  return new SourceError(known, `${host}:${port}: ${words} (${message.slice(0, 300) || code})`, error)
}
