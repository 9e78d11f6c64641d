/** One environment variable: how it is called, what holds without it, what it means. Secrets are also read from `NAME_FILE`. */
export type Setting = { name: string; default: string; meaning: string; secret?: true; emptyCounts?: true }

/** Every setting that does something, in the order of the README's table, which is printed from here. */
export const settings: readonly Setting[] = [
  { name: 'DRYDOCK_HOST', default: '127.0.0.1', meaning: 'address to listen on' },
  { name: 'DRYDOCK_PORT', default: '8080', meaning: 'port to listen on' },
  { name: 'DRYDOCK_PUBLIC_URL', default: 'from host and port', meaning: 'its address in mails' },
  {
    name: 'DATABASE_URL',
    default: 'embedded PostgreSQL in the data directory',
    meaning: 'PostgreSQL 14 or newer; waited for up to 90 s, asked every 5 s',
    secret: true,
  },
  {
    name: 'DRYDOCK_DATA_DIR',
    default: 'root: `/var/lib/drydock`; else `$XDG_DATA_HOME/drydock` or `~/.local/share/drydock`',
    meaning: 'embedded database, generated secrets',
  },
  {
    name: 'DRYDOCK_SECRET_KEY',
    default: 'generated with the embedded database; else required',
    meaning: 'encrypts stored credentials; at least 16 characters',
    secret: true,
  },
  {
    name: 'DRYDOCK_ADMIN_TOKEN',
    default: 'generated, printed once',
    meaning: 'bootstrap API token with the admin role',
    secret: true,
  },
  {
    name: 'DRYDOCK_CONFIG',
    default: 'none',
    meaning:
      'YAML file for what has structure: `registries: [{name, aliases, url, username, password, caFile, insecure, webhookToken, webhook, watch, perMinute}]`, and `builds` and `machines` (docs/operations.md), `channels` (docs/channels.md), `oidc` and `signIn` (docs/sign-in.md)',
  },
  { name: 'DRYDOCK_REGISTRY_URL', default: 'none', meaning: 'one registry, without a file' },
  { name: 'DRYDOCK_REGISTRY_NAME', default: "the URL's host", meaning: 'the host in image references' },
  {
    name: 'DRYDOCK_REGISTRY_ALIASES',
    default: 'none',
    meaning: 'further hosts under which image references name it, with commas between',
  },
  { name: 'DRYDOCK_REGISTRY_USERNAME', default: 'none', meaning: 'for that registry' },
  { name: 'DRYDOCK_REGISTRY_PASSWORD', default: 'none', meaning: 'for that registry', secret: true },
  { name: 'DRYDOCK_REGISTRY_CA_FILE', default: 'none', meaning: 'PEM file of the authority to trust for it' },
  {
    name: 'DRYDOCK_REGISTRY_INSECURE',
    default: 'false',
    meaning: 'allow plain HTTP or an unverified certificate (loopback may always be plain)',
  },
  {
    name: 'DRYDOCK_WEBHOOK_TOKEN',
    default: 'generated, printed once',
    meaning: 'the registry sends it as `Authorization: Bearer …`',
    secret: true,
  },
  {
    name: 'DRYDOCK_WEBHOOK_URL_TOKEN',
    default: 'none',
    meaning:
      'taken as `?token=…` from registries that can send no header (docs/webhooks.md); it makes Drydock ask the registry, and nothing more',
    secret: true,
  },
  { name: 'SMTP_URL', default: 'none: mails are kept', meaning: '`smtp[s]://user:pass@host:port`', secret: true },
  { name: 'MAIL_FROM', default: '`drydock@` and the host of the public URL', meaning: 'sender of the mails' },
  {
    name: 'DRYDOCK_NOTIFY_WINDOW',
    default: '300',
    meaning: 'seconds in which notices to one person are gathered into one mail',
  },
  {
    name: 'DRYDOCK_STILL_OUTDATED_DAYS',
    default: '7',
    meaning: 'days after which who was told of an outdated tag is told that it is so still, once a week; 0 = never',
  },
  {
    name: 'DRYDOCK_KEEP_MAILS',
    default: '90',
    meaning: 'days after which the text of mails that were sent, or kept, is forgotten; 0 = never',
  },
  {
    name: 'DRYDOCK_SETTLE',
    default: '30',
    meaning: 'seconds a base must stay put before anything is rebuilt; what our own builds push does not wait',
  },
  {
    name: 'DRYDOCK_RECONCILE_INTERVAL',
    default: '3600',
    meaning: 'seconds between comparisons of registry and database; 0 = only at start and on demand',
  },
  {
    name: 'DRYDOCK_WATCH',
    default: '`*`',
    meaning:
      'hosts nobody configured that are asked, without a login, for the bases that images name: with commas between, `*` for any characters; empty = none',
    emptyCounts: true,
  },
  {
    name: 'DRYDOCK_WATCH_INTERVAL',
    default: '3600',
    meaning: 'seconds between two questions for a base on a registry that sends us nothing',
  },
  {
    name: 'PORTUS_URL',
    default: 'none',
    meaning: 'Portus, whose namespaces, teams and people are taken over, and whose `Portus-Auth` logins are accepted',
  },
  { name: 'PORTUS_USERNAME', default: 'none', meaning: 'an admin of Portus, to read with' },
  { name: 'PORTUS_TOKEN', default: 'none', meaning: 'an application token of that admin', secret: true },
  {
    name: 'PORTUS_DATABASE_URL',
    default: 'none',
    meaning:
      "Portus' database, read instead of its API because only it knows roles: `mysql://` or `postgres://user:pass@host:port/name` (docs/people.md)",
    secret: true,
  },
  {
    name: 'DRYDOCK_SCANNER',
    default: 'true where Portus is set',
    meaning:
      'answer under `/v1/layers` as the scanner (Clair v1) of a Portus, which so shows bases that have moved (docs/portus.md)',
  },
  {
    name: 'DRYDOCK_CLAIR_URL',
    default: 'none',
    meaning:
      'a real Clair (v1) behind that, whose findings pass through; needs PORTUS_URL, PORTUS_USERNAME, PORTUS_TOKEN',
  },
  {
    name: 'DRYDOCK_PEOPLE_INTERVAL',
    default: '300',
    meaning: 'seconds between readings of where people come from; 0 = only at start and on demand',
  },
  {
    name: 'DRYDOCK_OBSERVE',
    default: 'false',
    meaning: 'look, flag and show, but send no mail, tell no channel and start no automatic build',
  },
  {
    name: 'DRYDOCK_BUILDER',
    default: '`docker` where a daemon answers, else `rebase`',
    meaning:
      'what runs recipes of strategy `dockerfile`: `docker`, `docker-machine`, or the `http(s)://` address of a build service; with `rebase` only recipes of strategy `rebase` run',
  },
  { name: 'DRYDOCK_BUILD_WORKERS', default: '2', meaning: 'builds at once' },
  {
    name: 'DRYDOCK_BUILDER_TOKEN',
    default: 'none',
    meaning: 'what tracker and build service use towards each other; with it the role `builder` is a build service',
    secret: true,
  },
  { name: 'DRYDOCK_MACHINE_DRIVER', default: 'none', meaning: 'driver of docker-machine' },
  {
    name: 'DRYDOCK_MACHINE_OPTIONS',
    default: 'none',
    meaning: 'further flags of `docker-machine create`, as in a shell',
  },
  { name: 'DRYDOCK_MACHINE_POOL', default: '0', meaning: 'machines kept created and unused' },
  {
    name: 'DRYDOCK_MACHINE_COMMAND',
    default: '`docker-machine`',
    meaning: 'the command to call, or one of the same flags',
  },
  {
    name: 'DRYDOCK_GIT_PROTOCOLS',
    default: '`https,ssh`',
    meaning: "what a recipe's git URL may use; `http` and `file` only when listed",
  },
  { name: 'DRYDOCK_LOG_LEVEL', default: 'info', meaning: '`trace`, `debug`, `info`, `warn` or `error`' },
]

/** The README's table, as Markdown. */
export function settingsTable(): string {
  const rows = settings.map((s) => `| \`${s.name}\`${s.secret ? ' *' : ''} | ${s.default} | ${s.meaning} |`)
  return [
    '| variable | default | meaning |',
    '|---|---|---|',
    ...rows,
    '',
    '\\* a secret: also as `NAME_FILE`, the path of a file that holds it.',
  ].join('\n')
}
