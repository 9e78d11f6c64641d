import { z } from 'zod'
import { address, flag, place, seconds, text, token, whole, words } from './fields.ts'

/**
 * One environment variable. `fallback`: its value where it is not set, as text, or null where there is none or it is found out
 * (`shown` then says how). `secret`: it can be given as NAME_FILE, too.
 */
type Setting<S extends z.ZodType> = {
  name: string
  schema: S
  fallback: string | null
  shown?: string
  meaning: string
  secret?: true
}

const setting = <S extends z.ZodType>(
  name: string,
  schema: S,
  rest: Omit<Setting<S>, 'name' | 'schema'>,
): Setting<S> => ({
  name,
  schema,
  ...rest,
})

/** Every setting, in the order of the README's table. */
export const settings = {
  host: setting('DRYDOCK_HOST', text, { fallback: '127.0.0.1', meaning: 'where it listens' }),
  port: setting('DRYDOCK_PORT', whole(0, 65_535), { fallback: '8080', meaning: 'and on which port' }),
  publicUrl: setting('DRYDOCK_PUBLIC_URL', place, {
    fallback: null,
    shown: 'from the two',
    meaning: 'its address in mails',
  }),
  databaseUrl: setting('DATABASE_URL', address('postgres', 'postgresql'), {
    fallback: null,
    shown: 'embedded PostgreSQL in the data directory',
    secret: true,
    meaning: 'PostgreSQL 14 or newer; waits up to 90 s, asking every 5 s, then exits with an error',
  }),
  dataDir: setting('DRYDOCK_DATA_DIR', text, {
    fallback: null,
    shown: 'as root `/var/lib/drydock`; else `$XDG_DATA_HOME/drydock`, else `~/.local/share/drydock`',
    meaning: 'embedded database, generated secrets',
  }),
  secretKey: setting('DRYDOCK_SECRET_KEY', z.string().min(16, 'must have 16 characters or more'), {
    fallback: null,
    shown: 'generated into the data directory with the embedded database; else required',
    secret: true,
    meaning: 'encrypts stored credentials',
  }),
  adminToken: setting('DRYDOCK_ADMIN_TOKEN', token, {
    fallback: null,
    shown: 'generated, and printed once on first start',
    secret: true,
    meaning: 'bootstrap API token with the admin role',
  }),
  config: setting('DRYDOCK_CONFIG', text, {
    fallback: null,
    meaning: 'YAML file for what has structure: several registries',
  }),
  registryUrl: setting('DRYDOCK_REGISTRY_URL', text, { fallback: null, meaning: 'one registry, without a file' }),
  registryName: setting('DRYDOCK_REGISTRY_NAME', text, {
    fallback: null,
    shown: "the URL's host",
    meaning: 'the host in image references',
  }),
  registryUsername: setting('DRYDOCK_REGISTRY_USERNAME', text, {
    fallback: null,
    meaning: 'account at the registry, if it wants one',
  }),
  registryPassword: setting('DRYDOCK_REGISTRY_PASSWORD', text, {
    fallback: null,
    secret: true,
    meaning: "that account's password",
  }),
  registryCaFile: setting('DRYDOCK_REGISTRY_CA_FILE', text, {
    fallback: null,
    meaning: 'certificates (PEM) to trust for a private registry',
  }),
  registryInsecure: setting('DRYDOCK_REGISTRY_INSECURE', flag, {
    fallback: 'false',
    meaning: 'allow plain HTTP or an unverified certificate (loopback may always be plain)',
  }),
  webhookToken: setting('DRYDOCK_WEBHOOK_TOKEN', token, {
    fallback: null,
    shown: 'generated, and printed once on first start',
    secret: true,
    meaning: 'the registry sends it as `Authorization: Bearer …`',
  }),
  smtpUrl: setting('SMTP_URL', address('smtp', 'smtps'), {
    fallback: null,
    shown: 'none: mails are kept and shown, not sent',
    secret: true,
    meaning: '`smtp[s]://user:pass@host:port`',
  }),
  mailFrom: setting(
    'MAIL_FROM',
    z.string().regex(/^[^\r\n]*[^\s@<]+@[^\s@>]+>?$/, 'must be an address, or `Name <address>`'),
    {
      fallback: null,
      shown: '`drydock@` and the host of the public URL',
      meaning: 'sender of the mails',
    },
  ),
  notifyWindow: setting('DRYDOCK_NOTIFY_WINDOW', seconds, {
    fallback: '300',
    meaning: 'seconds in which notices to one person are gathered into one mail',
  }),
  settle: setting('DRYDOCK_SETTLE', seconds, {
    fallback: '30',
    meaning: 'seconds a base must stay put before anything is rebuilt; what our own builds push does not wait',
  }),
  reconcileInterval: setting('DRYDOCK_RECONCILE_INTERVAL', seconds, {
    fallback: '3600',
    meaning: 'seconds between two comparisons of registry and database; 0 = only at start and on demand',
  }),
  observe: setting('DRYDOCK_OBSERVE', flag, {
    fallback: 'false',
    meaning: 'look, flag and show, but send no mail and start no automatic build',
  }),
  builder: setting(
    'DRYDOCK_BUILDER',
    z.enum(['docker', 'rebase'], 'must be docker or rebase (others are not supported yet)'),
    {
      fallback: null,
      shown: '`docker` where a daemon answers, else `rebase`',
      meaning:
        'what runs recipes of strategy `dockerfile`; with `rebase` only recipes of strategy `rebase` can run (those always run in the worker itself)',
    },
  ),
  buildWorkers: setting('DRYDOCK_BUILD_WORKERS', whole(1, 64), {
    fallback: '2',
    meaning: 'fixed number of build workers',
  }),
  gitProtocols: setting('DRYDOCK_GIT_PROTOCOLS', words('https', 'ssh', 'http', 'file'), {
    fallback: 'https,ssh',
    meaning: "what a recipe's git URL may use; `http` and `file` only when listed",
  }),
} as const

export type SettingKey = keyof typeof settings
export type SettingValues = { [K in SettingKey]: z.output<(typeof settings)[K]['schema']> | null }

/** Names that will mean something and do nothing yet: to take them silently would be to lie. */
export const notYet = [
  'DRYDOCK_BUILDER_TOKEN',
  'DRYDOCK_MACHINE_DRIVER',
  'DRYDOCK_MACHINE_OPTIONS',
  'DRYDOCK_MACHINE_POOL',
  'DRYDOCK_MACHINE_COMMAND',
  'PORTUS_URL',
  'PORTUS_USERNAME',
  'PORTUS_TOKEN',
  'PORTUS_DATABASE_URL',
]

/** What the client commands read; nothing of the service. */
export const clientNames = ['DRYDOCK_URL', 'DRYDOCK_TOKEN', 'DRYDOCK_TOKEN_FILE']

/** The README's table, in Markdown. */
export function settingsTable(): string {
  const rows = Object.values<Setting<z.ZodType>>(settings).map((row) => {
    const value = row.shown ?? (row.fallback === null ? 'none' : `\`${row.fallback}\``)
    return `| \`${row.name}\`${row.secret ? ' (or `_FILE`)' : ''} | ${value} | ${row.meaning} |`
  })
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}
