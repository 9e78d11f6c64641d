import type { Deps } from '../deps.ts'
import { BuildError, describeError } from './build-error.ts'
import type { BuilderContext, BuildHost, PushIntent, StepName } from './builders/builder.ts'
import type { Claim, Step } from './claim.ts'

export type Progress = Pick<BuilderContext, 'signal' | 'step' | 'intend' | 'host'> & {
  steps: () => Step[]
  /** what runs it, for its record */
  by: (builder: string) => void
}

/** Keeps Build.steps while steps run, each with its time limit (`limitSeconds`); every write is refused (`claim-lost`) once we no longer own it. */
export function makeProgress(
  d: Pick<Deps, 'sql' | 'clock'>,
  claim: Claim,
  stop: AbortSignal,
  limitSeconds: Readonly<Record<StepName, number>>,
): Progress {
  const steps: Step[] = []
  let intent: PushIntent | null = null
  let host: BuildHost | null = null
  let builder: string | null = null
  const save = async () => {
    const saved = await d.sql`
      update build set builder = coalesce(${builder}, builder), steps = ${JSON.stringify(steps)}::text::jsonb,
        bases = coalesce(${intent && JSON.stringify(intent.bases)}::text::jsonb, bases), commit = coalesce(${intent?.commit ?? null}, commit),
        host = coalesce(${host && JSON.stringify(host)}::text::jsonb, host), previous = coalesce(${intent?.previous ?? null}, previous)
      where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
    if (saved.count === 0) throw new BuildError('claim-lost', 'another worker took this build over')
  }
  return {
    steps: () => steps,
    signal: stop,
    by(name) {
      builder = name
    },
    async host(found) {
      host = found
      await save()
    },
    async intend(intended) {
      stop.throwIfAborted()
      if (intended.content === null) return save()
      intent = intended
      const open = steps.at(-1)
      if (open?.name === 'push' && open.finishedAt === null) open.content = intended.content
      else steps.push({ ...begun('push', d.clock()), content: intended.content })
      await save()
    },
    async step(name, work) {
      // Cleaning up goes on after a cancel.
      const asked = name === 'cleanup' ? new AbortController().signal : stop
      asked.throwIfAborted()
      const open = steps.at(-1)
      const step = open?.name === name && open.finishedAt === null ? open : begun(name, d.clock())
      if (step !== open) steps.push(step)
      await save()
      const seconds = limitSeconds[name]
      const limit = AbortSignal.timeout(seconds * 1000)
      try {
        return await work(AbortSignal.any([asked, limit]))
      } catch (cause) {
        const error = asked.aborted ? asked.reason : limit.aborted ? timedOut(name, seconds) : cause
        step.error = describeError(error)
        throw error
      } finally {
        step.finishedAt = d.clock().toISOString()
        await save()
      }
    },
  }
}

const begun = (name: StepName, at: Date): Step => ({ name, startedAt: at.toISOString(), finishedAt: null, error: null })

const timedOut = (name: StepName, seconds: number): BuildError =>
  new BuildError('timed-out', `${name} took longer than ${seconds} s`, { retryable: true })
