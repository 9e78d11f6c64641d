import type { Deps } from '../deps.ts'
import { BuildError, BuildStop, describeError } from './build-error.ts'
import type { BuilderContext, BuildHost, PushIntent, StepName } from './builders/builder.ts'
import type { Claim, Step } from './claim.ts'
import { outwait } from './outwait.ts'
import { type SaveSteps, saveStepsTogether } from './save-steps.ts'
import { throughOutage } from './through-outage.ts'

export type Progress = Pick<BuilderContext, 'signal' | 'step' | 'intend' | 'host'> & {
  steps: () => Step[]
  /** what runs it, for its record */
  by: (builder: string) => void
  /** settles with the work of steps that took no notice of their end; null where there is none */
  unfinished: () => Promise<unknown> | null
}

/** After its signal a step's work has this long to end; then the step ends without it. With the clean-up after it a cancel takes under 5 s. */
const patienceMs = 2300

/** A step that ended within so many milliseconds is stored as ended by the next write: of the next step, or of the build's end. */
const shortMs = 100

/**
 * Keeps Build.steps while steps run, each with its time limit (`limitSeconds`); every write is refused (`claim-lost`) once we no longer own
 * it. Only an intent is waited for until it is on disk. `mask` hides secrets in what failures say.
 */
export function makeProgress(
  d: Pick<Deps, 'sql' | 'clock'>,
  claim: Claim,
  stop: AbortSignal,
  limitSeconds: Readonly<Record<StepName, number>>,
  mask?: (text: string) => string,
  saveSteps: SaveSteps = saveStepsTogether(d),
): Progress {
  const steps: Step[] = []
  const working = new Set<Promise<unknown>>()
  let intent: PushIntent | null = null
  let host: BuildHost | null = null
  let builder: string | null = null
  const save = async (durable = false) => {
    const saved = await throughOutage(() => saveSteps({ claim, builder, steps, intent, host, durable }), {
      until: stop,
    })
    if (!saved) throw new BuildStop('claim-lost')
  }
  return {
    steps: () => steps,
    unfinished: () => (working.size === 0 ? null : Promise.allSettled(working)),
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
      await save(true)
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
      const began = performance.now()
      try {
        const over = AbortSignal.any([asked, limit])
        const doing = work(over)
        working.add(doing)
        const done = () => void working.delete(doing)
        doing.then(done, done)
        return await outwait(doing, over, patienceMs)
      } catch (cause) {
        const error = asked.aborted ? asked.reason : limit.aborted ? timedOut(name, seconds) : cause
        step.error = describeError(error, mask)
        throw error
      } finally {
        step.finishedAt = d.clock().toISOString()
        if (step.error !== null || performance.now() - began >= shortMs) await save()
      }
    },
  }
}

const begun = (name: StepName, at: Date): Step => ({ name, startedAt: at.toISOString(), finishedAt: null, error: null })

const timedOut = (name: StepName, seconds: number): BuildError =>
  new BuildError('timed-out', `${name} took longer than ${seconds} s`, { retryable: true })
