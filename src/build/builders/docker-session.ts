import type { Deps } from '../../deps.ts'
import type { Reference } from '../../oci/reference.ts'
import { BuildError } from '../build-error.ts'
import type { JobRegistries } from '../job-registries.ts'
import { mayNotRead } from '../resolve-bases.ts'
import type { BuilderContext, BuildJob } from './builder.ts'
import { type DockerHost, type DockerRun, docker, writeDockerConfig } from './docker-cli.ts'
import type { DockerEndpoint } from './docker-hosts.ts'

/** One build on one daemon. */
export type Session = {
  d: Pick<Deps, 'config' | 'registries'>
  job: BuildJob
  context: BuilderContext
  registries: JobRegistries
  host: DockerHost
  endpoint: DockerEndpoint
  /** other builds use the same daemon, and what it holds */
  isShared: boolean
}

export const dockerRun = ({ context, job, endpoint }: Session, configDir: string, signal: AbortSignal): DockerRun => ({
  configDir,
  endpoint,
  signal,
  onOutput: (text) => context.log.write(text),
  notesDir: job.dir,
})

/** A docker configuration with the login for this repository, and no other. */
export async function loginFor(
  { job, context }: Session,
  repository: Pick<Reference, 'host' | 'repository'>,
  use: 'pull' | 'push',
): Promise<string> {
  const login = await job.logins.registry(repository, use)
  if (login) context.log.hide(login.password, login.username)
  return writeDockerConfig(job.dir, `config-${use}`, login)
}

/** Pulls `what`, a name or digest of that repository, and gives what docker printed. Errors: `base-absent`, `base-denied`, `platform-absent`, `base-unreachable`. */
export async function pull(
  session: Session,
  repository: Pick<Reference, 'host' | 'repository'>,
  what: string,
  platform: string | null,
  signal: AbortSignal,
): Promise<string> {
  const run = dockerRun(session, await loginFor(session, repository, 'pull'), signal)
  const ran = await docker(['pull', ...(platform ? ['--platform', platform] : []), what], run)
  if (ran.code === 0) return ran.stdout
  const code = codeOfPull(ran.stderr)
  const said = lastWords(ran.stderr)
  const message = code === 'base-denied' ? `${mayNotRead(what)} (${said})` : `${what}: ${said}`
  throw new BuildError(code, message, { retryable: code === 'base-unreachable' })
}

/** What the daemon's refusal of a content means for the build. */
export function codeOfPull(stderr: string): string {
  if (/no match(ing)? .*(manifest|platform)|does not (match|provide) the specified platform/i.test(stderr))
    return 'platform-absent'
  if (/unauthorized|denied|authentication required|no basic auth/i.test(stderr)) return 'base-denied'
  return /not found|manifest unknown|does not exist/i.test(stderr) ? 'base-absent' : 'base-unreachable'
}

/** Shortened only where it is stored, after secrets are hidden in it. */
export const lastWords = (stderr: string): string => stderr.trim().split('\n').at(-1) ?? ''
