/** What the docker command needs to reach a machine. `dir` of the certificates as `config` and `env` tell it. */
export type MachineEndpoint = { DOCKER_HOST: string; DOCKER_TLS_VERIFY: '1'; DOCKER_CERT_PATH: string }

/**
 * Reads `docker-machine config NAME`: `--tlsverify --tlscacert="DIR/ca.pem" --tlscert="DIR/cert.pem" --tlskey="DIR/key.pem" -H=tcp://IP:PORT`,
 * in one line or several, values quoted as Go does or not. Null where it is anything else: never a connection without TLS.
 */
export function readConfig(text: string): MachineEndpoint | null {
  const flags = new Map<string, string>()
  for (const [, name = '', quoted, bare] of text.matchAll(
    /(?:^|\s)(--?\w+)(?:=(?:"((?:[^"\\]|\\.)*)"|(\S*)))?(?=\s|$)/g,
  ))
    flags.set(name, quoted === undefined ? (bare ?? '') : unquoted(quoted))
  const dirs = new Set(
    [
      ['--tlscacert', 'ca.pem'],
      ['--tlscert', 'cert.pem'],
      ['--tlskey', 'key.pem'],
    ].map(([flag = '', file = '']) => dirOf(flags.get(flag) ?? '', file)),
  )
  const [dir] = dirs
  if (!flags.has('--tlsverify') || flags.get('--tlsverify') === 'false' || dirs.size !== 1) return null
  return endpoint(flags.get('-H') ?? '', dir ?? null)
}

/** Reads `docker-machine env --shell bash NAME`: `export DOCKER_HOST="tcp://…"` and so on. Null where it is anything else. */
export function readEnv(text: string): MachineEndpoint | null {
  const values = new Map<string, string>()
  for (const [, name = '', value = ''] of text.matchAll(/^export (\w+)="((?:[^"\\]|\\.)*)"$/gm))
    values.set(name, unquoted(value))
  if (values.get('DOCKER_TLS_VERIFY') !== '1') return null
  return endpoint(values.get('DOCKER_HOST') ?? '', values.get('DOCKER_CERT_PATH') || null)
}

/**
 * Where `docker-machine inspect NAME` says that the client's certificates are. For a daemon that exists already (driver `none`) the
 * machine's own directory, which `config` names, has none. Null where it does not say it.
 */
export function readCertDir(text: string): string | null {
  let said: Inspected | null
  try {
    said = JSON.parse(text) as Inspected | null
  } catch {
    return null
  }
  const auth = said?.HostOptions?.AuthOptions
  const dirs = new Set([
    dirOf(String(auth?.CaCertPath ?? ''), 'ca.pem'),
    dirOf(String(auth?.ClientCertPath ?? ''), 'cert.pem'),
    dirOf(String(auth?.ClientKeyPath ?? ''), 'key.pem'),
  ])
  return dirs.size === 1 ? [...dirs][0]! : null
}

type AuthOptions = { CaCertPath?: unknown; ClientCertPath?: unknown; ClientKeyPath?: unknown }
type Inspected = { HostOptions?: { AuthOptions?: AuthOptions } }

/** The three lie in one directory under fixed names, for that is all that DOCKER_CERT_PATH can say. */
const dirOf = (path: string, file: string): string | null =>
  path.startsWith('/') && path.endsWith(`/${file}`) ? path.slice(0, -file.length - 1) : null

const endpoint = (host: string, dir: string | null): MachineEndpoint | null =>
  dir?.startsWith('/') && /^tcp:\/\/[A-Za-z0-9.:[\]%-]+:\d{1,5}$/.test(host)
    ? { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir }
    : null

const unquoted = (text: string): string => text.replace(/\\(.)/g, '$1')
