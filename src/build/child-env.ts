import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * What a child process may see of our environment: how to find programs, the Docker daemon, whom to trust, and the way out through a proxy.
 * Everything else of ours (tokens, the secret key, DATABASE_URL) stays here. The one place beside main.ts that reads process.env.
 */
const passed = [
  'PATH',
  'LANG',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  // git takes no notice of the two above where its libcurl has GnuTLS, as Debian's
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
  'DOCKER_HOST',
  'DOCKER_TLS_VERIFY',
  'DOCKER_CERT_PATH',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
]

/** That part of our environment, with `own` added over it. */
export function childEnv(own: Record<string, string>): Record<string, string> {
  const inherited = passed.flatMap((name) => {
    // biome-ignore lint/style/noProcessEnv: git and docker are found and reached by these, and are no settings of ours
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(inherited), ...own }
}

/** Where our user's own docker has its plugins; those of the system it finds by itself. */
export function dockerPlugins(): string[] {
  // biome-ignore lint/style/noProcessEnv: see above
  const config = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker')
  return isAbsolute(config) ? [join(config, 'cli-plugins')] : []
}

/** The same for docker: with an endpoint of its own it sees nothing of ours, not even half of it. */
export function dockerEnv(
  endpoint: Readonly<Record<string, string>>,
  own: Record<string, string>,
): Record<string, string> {
  const env = childEnv({})
  if (endpoint.DOCKER_HOST !== undefined)
    for (const name of ['DOCKER_HOST', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH']) delete env[name]
  return { ...env, ...endpoint, ...own }
}

const ours =
  /^(DRYDOCK_|PORTUS_|PG[A-Z]+$|DATABASE_URL|SMTP_URL|MAIL_FROM|DOCKER_(HOST|TLS_VERIFY|CERT_PATH|CONTEXT|CONFIG)$|NODE_)/

/**
 * What docker-machine may see: all but Drydock's own settings, because each driver has variables of its own for what it logs in with, and
 * nobody knows all drivers. Another daemon's address is left out too.
 */
export function driverEnv(own: Record<string, string>): Record<string, string> {
  // biome-ignore lint/style/noProcessEnv: see above
  const inherited = Object.entries(process.env).filter(([name, value]) => value !== undefined && !ours.test(name))
  return { ...(Object.fromEntries(inherited) as Record<string, string>), ...own }
}
