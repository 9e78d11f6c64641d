import { BuildError } from '../build-error.ts'
import type { BuilderContext, Built, StepName } from '../builders/builder.ts'
import { pause, type ServiceClient } from './client.ts'
import { isOver, type RemoteBuild } from './remote-build.ts'

type Following = {
  client: Pick<ServiceClient, 'find'>
  build: RemoteBuild
  context: BuilderContext
  limits: Readonly<Record<StepName, number>>
}

const shownSteps = ['host', 'checkout', 'build', 'push'] as const
const everyMs = 400

/**
 * Follows a build of the service to its end, and runs the steps here that run there, each as long as there. Waiting for a turn there is no
 * step and has no limit. Throws what the build failed with, in the step in which it did.
 */
export async function mirrorBuild({ client, build: first, context, limits }: Following): Promise<Built> {
  let build = first
  let toldHost = false
  let toldContent: RemoteBuild['content'] = null
  const ask = async (signal: AbortSignal): Promise<void> => {
    await pause(everyMs, signal)
    const found = await client.find(build.id, signal)
    if (!found) throw new BuildError('builder-lost', 'the build service forgot the build', { retryable: true })
    if (found.ref !== first.ref)
      throw new BuildError('builder-answer', `the build service tells of ${found.ref} instead`)
    build = found
    if (!build.host || toldHost) return
    toldHost = true
    await context.host(build.host)
  }
  /** As soon as it is told: whoever stops us then can find out what became of it. */
  const intendNew = async (): Promise<void> => {
    const { content, bases, commit, previous } = build
    if (content === null || content === toldContent) return
    toldContent = content
    await context.intend({ content, bases, commit, previous })
  }
  if (build.state === 'queued') context.log.write('[waiting for a turn at the build service]\n')
  while (build.state === 'queued') await ask(context.signal)
  for (const name of shownSteps) {
    while (!begun(build, name) && !isOver(build)) await ask(context.signal)
    if (!begun(build, name)) continue
    await context.step(name, async (signal) => {
      while (!ended(build, name)) {
        if (name === 'push') await intendNew()
        await ask(signal)
      }
      const { error } = last(build, name)!
      // that somebody cancelled it there, only the end of the build says
      while (error?.code === 'cancelled' && !isOver(build)) await ask(signal)
      if (error !== null) throw build.state === 'cancelled' ? failureOf(build) : failedThere(error)
      if (name === 'push') await intendNew()
    })
  }
  const limit = AbortSignal.any([context.signal, AbortSignal.timeout((limits.cleanup + 30) * 1000)])
  while (!isOver(build)) await ask(limit)
  const { digest, bases, commit, state } = build
  if (state !== 'succeeded' || digest === null) throw failureOf(build)
  return { digest, bases, commit }
}

const last = (build: RemoteBuild, name: StepName) => build.steps.findLast((step) => step.name === name)

/** It or a later one: a service may leave steps out. */
const begun = (build: RemoteBuild, name: StepName): boolean => last(build, name) !== undefined

const ended = (build: RemoteBuild, name: StepName): boolean =>
  isOver(build) || (last(build, name)?.finishedAt ?? null) !== null

/**
 * What a worker says of its own claim, or of its database, is no failure of a build: a service that says so would have it built again
 * for ever. Codes of builds are words with dashes.
 */
const ownWords = new Set(['claim-lost', 'shutting-down', 'cancelled'])
const buildCode = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

const failedThere = ({ code, message, retryable }: NonNullable<RemoteBuild['error']>): BuildError =>
  ownWords.has(code) || !buildCode.test(code)
    ? new BuildError('builder-answer', `the build service says ${code.slice(0, 100)}: ${message}`, { retryable })
    : new BuildError(code, message, { retryable, told: true })

function failureOf({ error, state }: RemoteBuild): BuildError {
  if (state === 'cancelled') return new BuildError('cancelled', 'cancelled at the build service')
  if (error) return failedThere(error)
  return new BuildError('builder-answer', 'the build service says neither what it pushed nor what went wrong')
}
