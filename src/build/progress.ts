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
  /** From now on a step goes on where an earlier attempt had it: what that began goes on, and does not begin again. */
  goOn: () => void
  /** settles with the work of steps that took no notice of their end; null where there is none */
  unfinished: () => Promise<unknown> | null
}

/** After its signal a step's work has this long to end; then the step ends without it. With the clean-up after it a cancel takes under 5 s. */
const patienceMs = 2300

/** A step that ended within so many milliseconds is stored as ended by the next write: of the next step, or of the build's end. */
const shortMs = 100

/**
 * The steps that the attempts before went through. When one of them was interrupted nobody knows: it ends now. Of very many attempts, as of a
 * build that is left for later again and again, the first and the last, and all that say what was to be pushed.
 */
export const earlierSteps = (steps: readonly Step[], now: Date): Step[] =>
  steps
    .filter((step, i) => i < firstKept || i >= steps.length - lastKept || step.content !== undefined)
    .map((step) => {
      if (step.finishedAt !== null) return { ...step, earlier: true }
      return { ...step, finishedAt: now.toISOString(), error: { ...interrupted }, earlier: true }
    })

const [firstKept, lastKept] = [10, 40]
const interrupted = { code: 'interrupted', message: 'the attempt that did this was interrupted', retryable: true }

/**
 * Keeps Build.steps, after those of earlier attempts, while steps run, each with its time limit (`limitSeconds`); every write is refused (`claim-lost`) once we no longer own
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
  const steps = earlierSteps(claim.steps, d.clock())
  let goesOn = false
  const resumed = new Set<Step>()
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
  /** The step that is open, the one that goes on, else a new one. */
  const opened = (name: StepName): Step => {
    const last = steps.at(-1)
    if (last?.name === name && last.finishedAt === null) return last
    const ofBefore = (step: Step) => step.name === name && (step.earlier === true || resumed.has(step))
    const before = goesOn && name !== 'cleanup' ? steps.findLast(ofBefore) : undefined
    if (!before) {
      const step = begun(name, d.clock())
      steps.push(step)
      return step
    }
    delete before.earlier
    resumed.add(before)
    if (before.error?.code === interrupted.code) Object.assign(before, { error: null, finishedAt: null })
    return before
  }
  return {
    steps: () => steps,
    goOn() {
      goesOn = true
    },
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
      opened('push').content = intended.content
      await save(true)
    },
    async step(name, work) {
      // Cleaning up goes on after a cancel.
      const asked = name === 'cleanup' ? new AbortController().signal : stop
      asked.throwIfAborted()
      const step = opened(name)
      const before = step.finishedAt
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
        step.finishedAt = step.error === null && before !== null ? before : d.clock().toISOString()
        if (step.error !== null || performance.now() - began >= shortMs) await save()
      }
    },
  }
}

const begun = (name: StepName, at: Date): Step => ({ name, startedAt: at.toISOString(), finishedAt: null, error: null })

const timedOut = (name: StepName, seconds: number): BuildError =>
  new BuildError('timed-out', `${name} took longer than ${seconds} s`, { retryable: true })
