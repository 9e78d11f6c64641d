import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Deps } from '../../deps.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { formatReference, type Reference, tagRef } from '../../oci/reference.ts'
import { BuildError } from '../build-error.ts'
import { checkOutRecipe } from '../checkout-recipe.ts'
import { type BaseUse, readBases, rewriteBases } from '../dockerfile.ts'
import { holdsContent } from '../find-pushed.ts'
import { basesOf, type ResolvedUse, resolveBases } from '../resolve-bases.ts'
import type { Builder, BuilderContext, BuildJob } from './builder.ts'
import { type DockerHost, type DockerRun, docker, engineFor, findDocker, writeDockerConfig } from './docker-cli.ts'
import { type DockerEndpoint, type DockerHosts, localDocker, localRepository } from './docker-hosts.ts'

type DockerDeps = Pick<Deps, 'config' | 'registries'>
type Session = { d: DockerDeps; job: BuildJob; context: BuilderContext; host: DockerHost; endpoint: DockerEndpoint }

/**
 * Builds with a Docker daemon. In comes a recipe with a git source; out goes one pushed tag. Guarantees: the bases it reports are
 * exactly those built on, because the daemon is given them by digest; no build shares a local tag, a layer cache or a login with
 * another; nothing of the recipe sees a credential.
 */
export const dockerBuilder = (d: DockerDeps, hosts: DockerHosts = localDocker): Builder => ({
  name: hosts.name,
  async run(job, context) {
    const { endpoint, host } = await context.step('host', async (signal) => {
      const endpoint = await hosts.acquire(job, context, signal)
      return { endpoint, host: await findDocker(job.dir, signal, endpoint) }
    })
    context.log.write(`docker ${host.serverVersion} on ${host.platform}\n`)
    const session = { d, job, context, host, endpoint }
    const source = await context.step('checkout', (signal) => checkOutRecipe(d, job, context, signal))
    const built = await context.step('build', (signal) => buildContent(session, source, signal))
    const intent = { content: built.content, bases: basesOf(built.uses), commit: source.commit }
    await context.intend(intent)
    const digest = await context.step('push', (signal) => push(session, built.content, signal))
    return { digest, bases: intent.bases, commit: intent.commit }
  },
  clean: (job, signal) => hosts.release(job.id, signal),
})

/** A tag that no other build and no person uses. */
const localTag = (id: string): string => `${localRepository(id)}:1`

async function buildContent(
  session: Session,
  source: { context: string; dockerfile: string; ignoreFile: string | null },
  signal: AbortSignal,
): Promise<{ content: Digest; uses: ResolvedUse[] }> {
  const { d, job, context, host } = session
  const text = await readFile(source.dockerfile, 'utf8')
  const platform = job.recipe.platforms[0] ?? null
  const engine = engineFor(host, text)
  const uses = await resolveBases(
    d,
    readBases(text, job.recipe.args, engine === 'legacy' ? {} : builtinArgs(host, platform)),
    (reference, asked) => pullByName(session, reference, asked ?? platform, signal),
  )
  for (const use of uses) context.log.write(`base ${formatReference(use.reference)} is ${use.digest} (${use.role})\n`)
  for (const use of uniquePulls(uses, platform)) await pull(session, use.reference, use.pull, use.platform, signal)

  const dir = join(job.dir, 'dockerfile')
  await mkdir(dir, { mode: 0o700 })
  const file = join(dir, basename(source.dockerfile))
  await writeFile(
    file,
    rewriteBases(text, uses, (use) => use.pull),
  )
  if (source.ignoreFile) await cp(source.ignoreFile, `${file}.dockerignore`)
  const idFile = join(job.dir, 'id')
  const args = [
    ...['build', '--no-cache', '--force-rm', '--tag', localTag(job.id), '--file', file, '--iidfile', idFile],
    ...(engine === 'buildkit' ? ['--progress', 'plain'] : []),
    ...(platform ? ['--platform', platform] : []),
    ...Object.entries(job.recipe.args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    source.context,
  ]
  const configDir = await writeDockerConfig(job.dir, 'config-build', null)
  const ran = await docker(args, { ...dockerRun(session, configDir, signal), engine })
  if (ran.code !== 0)
    throw new BuildError('build-failed', lastWords(ran.stderr) || `docker build exited with ${ran.code}`)
  const content = parseDigest((await readFile(idFile, 'utf8')).trim())
  if (!content) throw new BuildError('build-failed', 'docker build told no id of what it built')
  return { content, uses }
}

/** BuildKit predefines these in FROM lines; the legacy builder does not. */
function builtinArgs(host: DockerHost, platform: string | null): Record<string, string> {
  const named = (prefix: string, text: string) => {
    const [os = '', arch = '', variant = ''] = text.split('/')
    return { [`${prefix}PLATFORM`]: text, [`${prefix}OS`]: os, [`${prefix}ARCH`]: arch, [`${prefix}VARIANT`]: variant }
  }
  return { ...named('BUILD', host.platform), ...named('TARGET', platform ?? host.platform) }
}

function uniquePulls(uses: readonly ResolvedUse[], platform: string | null): ResolvedUse[] {
  const byPull = new Map(uses.map((use) => [`${use.pull} ${use.platform ?? platform}`, use]))
  return [...byPull.values()].map((use) => ({ ...use, platform: use.platform ?? platform }))
}

/** Each pull knows the login for its own repository, and no other. */
async function pull(
  session: Session,
  base: Pick<BaseUse['reference'], 'host' | 'repository'>,
  what: string,
  platform: string | null,
  signal: AbortSignal,
): Promise<string> {
  const run = dockerRun(session, await loginFor(session, base, 'pull'), signal)
  const ran = await docker(['pull', ...(platform ? ['--platform', platform] : []), what], run)
  if (ran.code === 0) return ran.stdout
  const absent = /not found|manifest unknown|does not exist/i.test(ran.stderr)
  throw new BuildError(absent ? 'base-absent' : 'base-unreachable', `${what}: ${lastWords(ran.stderr)}`, {
    retryable: !absent,
  })
}

/** For a registry nobody configured: the daemon asks it, and says which content it got. */
async function pullByName(
  session: Session,
  reference: Reference,
  platform: string | null,
  signal: AbortSignal,
): Promise<Digest> {
  const name = tagRef(reference.host, reference.repository, reference.tag ?? 'latest')
  const said = await pull(session, reference, name, platform, signal)
  const digest = parseDigest(/^Digest: (\S+)$/m.exec(said)?.[1])
  if (!digest) throw new BuildError('base-unreachable', `docker pull told no digest of ${name}`)
  return digest
}

async function push(session: Session, content: Digest, signal: AbortSignal): Promise<Digest> {
  const { d, job } = session
  const { host, repository, tag } = job.target
  const name = tagRef(host, repository, tag)
  const run = dockerRun(session, await loginFor(session, job.target, 'push'), signal)
  const tagged = await docker(['tag', content, name], run)
  if (tagged.code !== 0) throw new BuildError('push-failed', lastWords(tagged.stderr))
  const ran = await docker(['push', name], run)
  await docker(['image', 'rm', name], { ...run, onOutput: () => undefined })
  if (ran.code !== 0) {
    const refused = /denied|unauthorized|authentication required/i.test(ran.stderr)
    throw new BuildError(refused ? 'push-refused' : 'push-failed', lastWords(ran.stderr), { retryable: !refused })
  }
  const digest = parseDigest(/digest: (\S+) size: \d+/.exec(ran.stdout)?.[1])
  if (!digest) throw new BuildError('push-failed', 'docker push told no digest')
  await verifyPushed(d, job, digest, content)
  return digest
}

/** The local tag is the one thing a build shares with whoever else uses this daemon: what went out must be what was built. */
async function verifyPushed(d: DockerDeps, job: BuildJob, digest: Digest, content: Digest): Promise<void> {
  const pushed = await d.registries.byName(job.target.host)?.getManifest(job.target.repository, digest)
  if (pushed && holdsContent(pushed, content)) return
  throw new BuildError('push-mismatch', `${digest} is not what was built: another push of that tag came between`, {
    retryable: true,
  })
}

async function loginFor(
  session: Session,
  repository: Pick<Reference, 'host' | 'repository'>,
  use: 'pull' | 'push',
): Promise<string> {
  const { job, context } = session
  const login = await job.logins.registry(repository, use)
  if (login) context.log.hide(login.password, login.username)
  return writeDockerConfig(job.dir, `config-${use}`, login)
}

const dockerRun = ({ context, job, endpoint }: Session, configDir: string, signal: AbortSignal): DockerRun => ({
  configDir,
  endpoint,
  signal,
  onOutput: (text) => context.log.write(text),
  notesDir: job.dir,
})

const lastWords = (stderr: string): string => stderr.trim().split('\n').at(-1)?.slice(0, 600) ?? ''
