import type { Deps } from '../../deps.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { stagingTag } from '../../oci/own-tags.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { tagRef } from '../../oci/reference.ts'
import { baseAnnotations, sourceAnnotations } from '../base-annotations.ts'
import { BuildError } from '../build-error.ts'
import { checkOutRecipe } from '../checkout-recipe.ts'
import { jobRegistries } from '../job-registries.ts'
import { type BuiltPlatform, publish } from '../publish.ts'
import { isPushRefused, pushRefused } from '../push-refused.ts'
import { basesOf, type Known } from '../resolve-bases.ts'
import type { Builder } from './builder.ts'
import { buildPlatform, type LocalContent } from './docker-build.ts'
import { docker, findDocker, writeDockerConfig } from './docker-cli.ts'
import { type DockerHosts, localDocker } from './docker-hosts.ts'
import { dockerRun, lastWords, loginFor, type Session } from './docker-session.ts'
import { verify } from './docker-verify.ts'

type DockerDeps = Pick<Deps, 'config' | 'registries'>

/**
 * Builds with a Docker daemon. In comes a recipe with a git source; out goes one pushed tag: a manifest, or an index where the recipe names
 * several platforms. Guarantees: the bases it reports are exactly those built on, because the daemon is given them by digest; no build
 * shares a local tag, a layer cache or a login with another; nothing of the recipe sees a credential but the secrets it names.
 */
export const dockerBuilder = (d: DockerDeps, hosts: DockerHosts = localDocker): Builder => ({
  name: hosts.name,
  async run(job, context) {
    const registries = jobRegistries(d, job.logins, (secret, username) => context.log.hide(secret, username))
    try {
      const { endpoint, host } = await context.step('host', async (signal) => {
        const endpoint = await hosts.acquire(job, context, signal)
        return {
          endpoint,
          host: await findDocker(await writeDockerConfig(job.dir, 'config-host', null), signal, endpoint),
        }
      })
      context.log.write(`docker ${host.serverVersion} on ${host.platform}\n`)
      const session: Session = { d, job, context, registries, host, endpoint, isShared: hosts.isShared }
      const source = await context.step('checkout', (signal) => checkOutRecipe(d, job, context, signal))
      const built = await context.step('build', async (signal) => {
        const all: LocalContent[] = []
        const known: Known = { digests: new Map(), proved: new Set() }
        const platforms = job.recipe.platforms.length > 0 ? job.recipe.platforms : [null]
        for (const platform of platforms) all.push(await buildPlatform(session, source, platform, known, signal))
        if (!hasCandidate(session)) await verify(session, all, signal)
        return all
      })
      const bases = basesOf(built.flatMap((content) => content.uses))
      const digest = await context.step('push', async (signal) => {
        const client = await registries.client(job.target, 'push')
        if (!client) throw new BuildError('push-failed', `${job.target.host} is never asked`)
        const approve = async () => {
          if (hasCandidate(session)) await verify(session, built, signal)
        }
        const parts = built.map((content, at) => partOf(session, source.commit, content, at === 0))
        const intent = { bases, commit: source.commit }
        return publish({ client, job, context, built: parts, intent, approve }, signal).catch((error: unknown) => {
          throw pushRefused(error)
        })
      })
      return { digest, bases, commit: source.commit }
    } finally {
      registries.close()
    }
  },
  clean: (job, signal) => hosts.release(job.id, signal, job.dir),
  ...(hosts.releaseLost ? { cleanLost: (job, signal) => hosts.releaseLost!(job.dir, signal) } : {}),
  cleansOnAfterStop: true,
})

/** With a candidate tag, what is verified is what stands there. */
const hasCandidate = ({ job }: Session): boolean => job.recipe.pushTo !== undefined

function partOf(session: Session, commit: string, content: LocalContent, first: boolean): BuiltPlatform {
  const { job } = session
  const platform = content.platform === null ? null : parsePlatform(content.platform)
  const base = content.uses.find((use) => use.role === 'runtime') ?? null
  const staging = stagingTag(job.target.tag, first ? null : platform)
  return {
    ...{ platform, content: content.content, staging },
    annotations: {
      ...baseAnnotations(base),
      ...(job.recipe.git ? sourceAnnotations(job.recipe.git.url, commit) : {}),
      ...job.annotations,
    },
    push: (signal) => push(session, content, staging, signal),
  }
}

/** Brings a local content into the target's repository under another tag, and gives its digest there. */
async function push(session: Session, content: LocalContent, tag: string, signal: AbortSignal): Promise<Digest> {
  const { host, repository } = session.job.target
  const name = tagRef(host, repository, tag)
  const run = dockerRun(session, await loginFor(session, session.job.target, 'push'), signal)
  const tagged = await docker(['tag', content.localTag, name], run)
  if (tagged.code !== 0) throw new BuildError('push-failed', lastWords(tagged.stderr))
  const ran = await docker(['push', name], run)
  await docker(['image', 'rm', name], { ...run, onOutput: () => undefined })
  if (ran.code !== 0) {
    const refused = isPushRefused(ran.stderr)
    throw new BuildError(refused ? 'push-refused' : 'push-failed', lastWords(ran.stderr), { retryable: !refused })
  }
  const digest = parseDigest(/digest: (\S+) size: \d+/.exec(ran.stdout)?.[1])
  if (!digest) throw new BuildError('push-failed', 'docker push told no digest')
  return digest
}
