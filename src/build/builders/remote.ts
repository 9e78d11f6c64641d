import type { Deps } from '../../deps.ts'
import { canonicalRef, tagRef } from '../../oci/reference.ts'
import { BuildElsewhere, BuildError, describeError, isStop } from '../build-error.ts'
import { jobRegistries } from '../job-registries.ts'
import { pause, type ServiceClient, serviceClient, unreachable } from '../service/client.ts'
import { gatherGrant } from '../service/gather-grant.ts'
import { secretsOf } from '../service/grant.ts'
import { knownBases } from '../service/known-bases.ts'
import { mirrorBuild } from '../service/mirror-build.ts'
import { isOver, type RemoteBuild } from '../service/remote-build.ts'
import { sealGrant } from '../service/seal.ts'
import type { Builder, BuilderContext, BuildJob, Built } from './builder.ts'

type RemoteDeps = Pick<Deps, 'config' | 'registries' | 'db' | 'vault'>

const askedEveryMs = 500
/** So often a service is asked to cancel what was on its way to it when the build was stopped: it may arrive after the first. */
const cancelTries = 20

/**
 * Has a build service build. In comes a job; out goes what the service pushed. Runs in the tracker, as it seals what the build may use.
 * Guarantees: one build at the service for each build here, by its id, whichever worker follows it: a worker that takes over attaches to
 * what is there; a build that ends here before its time is cancelled there.
 */
export function remoteBuilder(d: RemoteDeps): Builder {
  const { builderUrl: url, builderToken: token } = d.config
  if (url === null || token === null) throw new BuildError('no-builder', 'DRYDOCK_BUILDER names no build service')
  /** what may be at the service by an attempt of ours, and what of it was given up: to be cancelled there */
  const sent = new Set<string>()
  const abandoned = new Map<string, { onItsWay: boolean }>()
  const patienceMs = d.config.builds.timeouts.host * 1000
  return {
    name: 'remote',
    async run(job, context) {
      const client = serviceClient({
        ...{ url, token, patienceMs },
        onSilence: (why) => context.log.write(silence(url, why)),
      })
      const over = new AbortController()
      let isThere = false
      try {
        const build = await attach(d, client, token, job, context, () => void sent.add(job.id))
        isThere = true
        const following = followLog(client, job.id, context, over.signal)
        const done = await mirrorBuild({ client, build, context, limits: d.config.builds.timeouts }).finally(() =>
          // who cancels does not wait for the rest of the log
          context.signal.aborted ? undefined : settle(following, over, context.signal),
        )
        await checkPushed(d, job, done, context)
        return builtOf(d, done)
      } catch (error) {
        // another worker attaches to the same build of the service
        const detached = isStop(error, 'claim-lost') || isStop(error, 'shutting-down')
        if (mayBeThere(error, sent.has(job.id) || job.again === true, context)) throw new BuildElsewhere(error)
        const isUnheard = context.signal.aborted || describeError(error).code === 'builder-unreachable'
        const isSent = sent.has(job.id)
        if ((isSent || job.again === true) && !detached)
          abandoned.set(job.id, { onItsWay: isSent && isUnheard && !isThere })
        throw error
      } finally {
        sent.delete(job.id)
        over.abort()
        client.close()
      }
    },
    async clean({ id }, signal) {
      const left = abandoned.get(id)
      if (!left) return
      const client = serviceClient({ url, token, patienceMs, onSilence: () => undefined })
      try {
        let isCancelled = await client.cancel(id, signal)
        for (let tries = 1; !isCancelled && left.onItsWay && tries < cancelTries; tries++) {
          await pause(askedEveryMs, signal)
          isCancelled = await client.cancel(id, signal)
        }
        if (!isCancelled) return void abandoned.delete(id)
        // The next build of this tag must not run beside it.
        for (let build = await client.find(id, signal); build && !isOver(build); build = await client.find(id, signal))
          await pause(askedEveryMs, signal)
        abandoned.delete(id)
      } finally {
        client.close()
      }
    },
    async giveUp(id, signal) {
      const client = serviceClient({ url, token, patienceMs, onSilence: () => undefined })
      await client.cancel(id, signal).finally(() => client.close())
    },
    // A service may be silent for long; it makes no two builds of a tag beside each other either.
    cleansOnAfterStop: true,
  }
}

/**
 * Whether what was sent may go on there, though we are not let in, or nothing at the address is a build service just now (the tokens are being
 * changed, the service is being set up anew): that it failed nobody said.
 */
const mayBeThere = (error: unknown, wasSent: boolean, { signal }: BuilderContext): error is BuildError =>
  wasSent &&
  !signal.aborted &&
  error instanceof BuildError &&
  (error.code === 'builder-unauthorised' || error.code === 'builder-absent')

/** The service's build for this one: the one that is there, else sent now. */
async function attach(
  d: RemoteDeps,
  client: ServiceClient,
  token: string,
  job: BuildJob,
  context: BuilderContext,
  sending: () => void,
): Promise<RemoteBuild> {
  const ref = tagRef(job.target.host, job.target.repository, job.target.tag)
  const limit = AbortSignal.timeout(d.config.builds.timeouts.host * 1000)
  const signal = AbortSignal.any([context.signal, limit])
  const grant = await gatherGrant(d, job.target, job.recipe)
  for (const { secret, username } of secretsOf(grant)) context.log.hide(secret, username)
  const registries = jobRegistries(d, job.logins, context.log.hide)
  try {
    const there = await client.find(job.id, signal)
    if (there && there.ref !== ref) throw new BuildError('builder-conflict', `the service has another build ${job.id}`)
    if (there) {
      sending()
      context.goOn?.()
      context.log.write(`[attached again to the build at ${d.config.builderUrl}; its log from the beginning]\n`)
      return there
    }
    const bases = await knownBases(d, job, registries, signal)
    const credentials = await sealGrant(token, job.id, grant)
    const { recipe, annotations } = job
    // From here on the service may push. What, it alone will know: the build's id finds it again.
    await context.intend({ content: null, bases: [], commit: null })
    signal.throwIfAborted()
    sending()
    const sent = { id: job.id, ref, recipe, bases: [...bases], platforms: recipe.platforms, credentials, annotations }
    const build = await client.submit(sent, signal)
    context.log.write(`[sent to the build service at ${d.config.builderUrl}]\n`)
    return build
  } catch (error) {
    if (!limit.aborted || context.signal.aborted) throw error
    throw unreachable(d.config.builderUrl ?? '', d.config.builds.timeouts.host * 1000, describeError(error).message)
  } finally {
    registries.close()
  }
}

const logEndMs = 10_000

/** Waits a while for the rest of the log, but not once somebody cancels. */
async function settle(following: Promise<void>, over: AbortController, stop: AbortSignal): Promise<void> {
  const end = () => over.abort()
  const late = setTimeout(end, logEndMs)
  stop.addEventListener('abort', end, { once: true })
  await following
  stop.removeEventListener('abort', end)
  clearTimeout(late)
}

/** Never fails: a build without its log is a build. */
const followLog = (client: ServiceClient, id: string, { log }: BuilderContext, signal: AbortSignal): Promise<void> =>
  client
    .followLog(id, (text) => log.write(text), signal)
    .catch((error: unknown) => {
      if (!signal.aborted) log.write(`[no more of its log: ${describeError(error).message}]\n`)
    })

/** Asks the registry itself: what nobody pushed is no build, whatever the service says. Error: `push-mismatch` (retryable). */
async function checkPushed(d: RemoteDeps, job: BuildJob, { digest }: Built, { log, signal }: BuilderContext) {
  const { host, repository, tag } = job.target
  const registries = jobRegistries(d, job.logins, log.hide)
  try {
    const client = await registries.client(job.target, 'push')
    const found = await client?.headManifest(repository, tag, { signal })
    if (found?.digest === digest) return
    const at = found ? `is at ${found.digest}` : 'is not there'
    const message = `${tagRef(host, repository, tag)} ${at}; the build service says it pushed ${digest}`
    throw new BuildError('push-mismatch', message, { retryable: true })
  } finally {
    registries.close()
  }
}

/** Under the names that the registries have here. */
function builtOf(d: Pick<Deps, 'registries'>, { digest, bases, commit }: Built): Built {
  const named = (name: string | null) => (name === null ? null : canonicalRef(d.registries.canonicalHost, name))
  return { digest, commit, bases: bases.map((base) => ({ ...base, name: named(base.name) })) }
}

const silence = (url: string, why: string | null): string =>
  why === null
    ? '[the build service answers again]\n'
    : `[the build service at ${url} does not answer (${why}): waiting]\n`
