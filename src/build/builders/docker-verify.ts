import { parsePlatform } from '../../oci/platform.ts'
import { BuildError } from '../build-error.ts'
import type { LocalContent } from './docker-build.ts'
import { docker, writeDockerConfig } from './docker-cli.ts'
import { verifyContainer } from './docker-hosts.ts'
import { dockerRun, type Session } from './docker-session.ts'

/**
 * Runs the recipe's `verify` in what was built, on the host that built it, before the tag moves: the command in place of the entry point,
 * without a network. Of several platforms the host's own is tried; where there is none, all are. Error: `verify-failed`.
 */
export async function verify(session: Session, built: readonly LocalContent[], signal: AbortSignal): Promise<void> {
  const { job, context, host } = session
  const [program, ...args] = job.recipe.verify ?? []
  if (program === undefined) return
  const own = built.filter(({ platform }) => parsePlatform(platform ?? host.platform) === parsePlatform(host.platform))
  const tried = own.length > 0 ? own : built
  const left = built.filter((content) => !tried.includes(content))
  if (left.length > 0)
    context.log.write(`[not verified, this host is ${host.platform}: ${left.map((one) => one.platform).join(', ')}]\n`)
  for (const content of tried) await verifyOne(session, content, program, args, signal)
}

async function verifyOne(
  session: Session,
  { localTag, platform }: LocalContent,
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { job, context } = session
  context.log.write(`[verify: ${[program, ...args].join(' ')}]\n`)
  const flags = [
    ...['--rm', '--pull', 'never', '--network', 'none', '--name', verifyContainer(job.id)],
    ...(platform === null ? [] : ['--platform', platform]),
    ...['--entrypoint', program],
  ]
  const configDir = await writeDockerConfig(job.dir, 'config-verify', null)
  const ran = await docker(['run', ...flags, localTag, ...args], dockerRun(session, configDir, signal))
  if (ran.code === 0) return
  throw new BuildError('verify-failed', `the verify command exited with ${ran.code}: the tag stays where it was`)
}
