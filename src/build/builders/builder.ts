import type { Digest } from '../../oci/digest.ts'
import type { Reference } from '../../oci/reference.ts'
import type { LogSink } from '../log-sink.ts'
import type { Logins } from '../logins.ts'
import type { Recipe } from '../recipe.ts'

/** What a builder is given: one build of one tag, and a private directory that is wiped afterwards. It knows nothing else of the estate. */
export type BuildJob = {
  id: string
  /** the tag to push */
  target: Reference & { tag: string }
  recipe: Recipe
  /** what these names are to be taken as (a tracker's view); other names are asked for when the build begins */
  bases: readonly { name: string; digest: Digest }[]
  /** OCI annotations to put on what is pushed: why it was built. Those that name its base are the builder's to add. */
  annotations: Readonly<Record<string, string>>
  logins: Logins
  /** an empty directory, readable by us alone */
  dir: string
  /** an attempt before may have begun it elsewhere */
  again?: boolean
}

/**
 * A base that a build took from outside, at exactly this content. `name` null for a bare digest; `digest` is what the name pointed
 * at (the index where there is one); `pinned` where the FROM itself names the digest.
 */
export type ResolvedBase = { name: string | null; digest: Digest; role: 'runtime' | 'build'; pinned: boolean }

/**
 * What is about to be pushed, known before it is: by `content` (digest of the manifest or index, or of a config) a crashed build finds its
 * own push again; null where only a build service will know it, and the build's id finds it again. `previous`: what the tag points at until
 * then, null where it does not exist; absent where that is not known.
 */
export type PushIntent = {
  content: Digest | null
  bases: ResolvedBase[]
  commit: string | null
  previous?: Digest | null
}

export type Built = { digest: Digest; bases: ResolvedBase[]; commit: string | null }

/** Where a build ran, where that is not this very machine. `provisionSeconds`: 0 for a machine that stood ready. */
export type BuildHost = { name: string; driver: string; provisionSeconds: number }

export type StepName = 'host' | 'checkout' | 'build' | 'push' | 'cleanup'

/** What a builder reports through, and is stopped by. */
export type BuilderContext = {
  log: Pick<LogSink, 'write' | 'hide'>
  /** Ends the build: for what is waited for outside of steps. */
  signal: AbortSignal
  /** Runs one step: timed, with its own time limit; `signal` ends it on cancel too. */
  step: <T>(name: StepName, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** Says that the build goes on where an attempt before had it: its steps do too. */
  goOn?: () => void
  /** Tells where the build runs, for its record. */
  host: (host: BuildHost) => Promise<void>
  /** Makes the intent durable; rejects where this worker no longer owns the build. No tag that anybody uses moves before it. */
  intend: (intent: PushIntent) => Promise<void>
}

/**
 * The port of everything that can build. `run` pushes `job.target` once, after `intend`, and else only what the recipe asks for beside it
 * (its candidate, TAG-prev) and what nobody looks at (staging tags); throws BuildError.
 * `clean` removes what an attempt (also a dead one) left outside `job.dir`, and may be called at any time, also twice.
 */
export type Builder = {
  name: string
  run: (job: BuildJob, context: BuilderContext) => Promise<Built>
  clean: (job: Pick<BuildJob, 'id' | 'dir'>, signal: AbortSignal) => Promise<void>
  /** Removes what this very attempt left outside `job.dir`, and nothing of the one that has taken the build over by now. */
  cleanLost?: (job: Pick<BuildJob, 'id' | 'dir'>, signal: AbortSignal) => Promise<void>
  /** Where the build goes on elsewhere whatever becomes of its workers here: ends it there. */
  giveUp?: (id: string, signal: AbortSignal) => Promise<void>
  /** Whether a cancelled build may end before that has: the tag's next build can run beside it. */
  cleansOnAfterStop?: true
}
