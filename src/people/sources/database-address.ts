/** Where a database is, from `mysql://user:pass@host:port/name?sslmode=…&sslrootcert=FILE`, or `postgres://` likewise. */
export type DatabaseAddress = {
  kind: 'mysql' | 'postgres'
  host: string
  port: number
  user: string
  password: string
  database: string
  /** null: not encrypted. verify: the certificate has to be right, by the authority in `caFile` or the usual ones. */
  tls: { verify: boolean; caFile: string | null } | null
}

const kinds: Record<string, DatabaseAddress['kind']> = {
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
}
/** PostgreSQL's words (libpq, SSL Support); `verify-ca` is as strict as `verify-full` here. */
const modes: Record<string, { verify: boolean } | null> = {
  disable: null,
  require: { verify: false },
  'verify-ca': { verify: true },
  'verify-full': { verify: true },
}

/** What is wrong with the address of a database, without repeating what may be secret; null where nothing is. */
export function faultOfDatabaseUrl(text: string): string | null {
  const example = 'must be an address like mysql://user:pass@host:3306/portus_production'
  const url = URL.parse(text)
  if (!url || kinds[url.protocol] === undefined || url.hostname === '' || url.pathname.length < 2) return example
  if (url.username === '') return 'wants a user'
  if (url.hash !== '') return 'must have nothing after #; encode what the password holds'
  if (!decodes(url.username) || !decodes(url.password) || !decodes(url.pathname)) return 'is not well encoded'
  for (const key of url.searchParams.keys())
    if (key !== 'sslmode' && key !== 'sslrootcert') return `knows sslmode and sslrootcert after its "?", not ${key}`
  const mode = url.searchParams.get('sslmode') ?? 'disable'
  if (!(mode in modes)) return `sslmode must be one of ${Object.keys(modes).join(', ')}`
  if (url.searchParams.has('sslrootcert') && !modes[mode]?.verify) return 'sslrootcert wants sslmode=verify-full'
  return null
}

/** Of an address without fault. */
export function databaseAddress(text: string): DatabaseAddress {
  const url = new URL(text)
  const kind = kinds[url.protocol]!
  const mode = modes[url.searchParams.get('sslmode') ?? 'disable'] ?? null
  return {
    kind,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (kind === 'mysql' ? 3306 : 5432)),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    tls: mode && { verify: mode.verify, caFile: url.searchParams.get('sslrootcert') },
  }
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch (error) {
    if (error instanceof URIError) return false
    throw error
  }
}
