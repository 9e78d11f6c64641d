/**
 * What a child process may see of our environment: how to find programs, the Docker daemon, and the way out through a proxy.
 * Everything else of ours (tokens, the secret key, DATABASE_URL) stays here. The one place beside main.ts that reads process.env.
 */
const passed = [
  'PATH',
  'LANG',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
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
