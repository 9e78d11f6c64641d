import type { Machines } from './build-settings.ts'
import type { Environment } from './environment.ts'

type Named = 'docker' | 'docker-machine' | 'rebase'

const isNamed = (builder: string): builder is Named => /^(docker|docker-machine|rebase)$/.test(builder)

/** A builder by its name; a build service by its address. */
export function builderOf(said: string | undefined): { builder: Named | 'remote' | null; builderUrl: string | null } {
  if (said === undefined || isNamed(said)) return { builder: said ?? null, builderUrl: null }
  return { builder: 'remote', builderUrl: said.replace(/\/+$/, '') }
}

/** What the settings of builders lack together, one line each. */
export function builderFaults(e: Environment, machines: Machines): string[] {
  const faults: string[] = []
  if (builderOf(e.DRYDOCK_BUILDER).builderUrl !== null && e.DRYDOCK_BUILDER_TOKEN === undefined)
    faults.push('DRYDOCK_BUILDER_TOKEN: required with the address of a build service')
  if (e.DRYDOCK_BUILDER === 'docker-machine' && e.DRYDOCK_MACHINE_DRIVER === undefined && !machines.profiles.default)
    faults.push('DRYDOCK_MACHINE_DRIVER: required with DRYDOCK_BUILDER=docker-machine')
  if (e.DRYDOCK_MACHINE_DRIVER !== undefined && machines.profiles.default)
    faults.push('DRYDOCK_MACHINE_DRIVER: the file of DRYDOCK_CONFIG has a machine profile `default` too')
  const known = new Set([...Object.keys(machines.profiles), ...(e.DRYDOCK_MACHINE_DRIVER ? ['default'] : [])])
  for (const [namespace, profile] of Object.entries(machines.namespaces))
    if (!known.has(profile)) faults.push(`DRYDOCK_CONFIG: machines: namespaces: ${namespace}: no profile ${profile}`)
  return faults
}

/**
 * What is allowed and still better not so. Over plain HTTP whoever listens on the way has the token, and the key of the sealed credentials
 * is made from it. https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy has what counts as this very machine.
 */
export function builderWarnings(e: Environment): string[] {
  const { builderUrl } = builderOf(e.DRYDOCK_BUILDER)
  if (builderUrl === null) return []
  const { protocol, hostname } = new URL(builderUrl)
  if (protocol === 'https:' || isLoopback(hostname)) return []
  return [
    `DRYDOCK_BUILDER: plain http to ${hostname}: whoever listens on the way gets DRYDOCK_BUILDER_TOKEN, and with it all that builds log in with; put TLS in front of the build service`,
  ]
}

const isLoopback = (hostname: string): boolean => /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)

/** The file's machines, and as profile `default` what the environment says. */
export function machinesOf(e: Environment, machines: Machines): Machines & { command: string } {
  const profiles = { ...machines.profiles }
  if (e.DRYDOCK_MACHINE_DRIVER !== undefined)
    profiles.default = {
      driver: e.DRYDOCK_MACHINE_DRIVER,
      options: shellWords(e.DRYDOCK_MACHINE_OPTIONS ?? ''),
      pool: e.DRYDOCK_MACHINE_POOL,
    }
  return { ...machines, profiles, command: e.DRYDOCK_MACHINE_COMMAND }
}

/** Words between blanks; quotes of either kind keep blanks together, as a shell would. */
export const shellWords = (text: string): string[] =>
  [...text.matchAll(/(?:"([^"]*)"|'([^']*)'|[^\s"']+)+/g)].map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'))
