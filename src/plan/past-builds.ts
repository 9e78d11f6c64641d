import type { PlanBuild, PlanTag } from './assemble-plan.ts'

/**
 * What past builds with the same inputs say of another one. due: nothing against it. failed: `again` = when it may be tried again,
 * null = never by itself. unseen: it was built, and the registry has not shown the push yet. stopped: a person cancelled it, or put it back.
 */
export type Past = { say: 'due' } | { say: 'failed' | 'unseen' | 'stopped'; build: string; again: Date | null }

/** A queued build of ours that nobody wanted any more. It has tried nothing. */
export const noLongerWanted = 'no-longer-wanted'

/** Failures that the same inputs bring about again. What a commit, a credential or a server can mend is not among them. */
const final: ReadonlySet<string> = new Set([
  'still-outdated',
  'ref-invalid',
  'recipe-invalid',
  'git-url',
  'git-protocol',
  'credential-not-for-url',
  'checkout-too-large',
  'context-outside-checkout',
  'dockerfile-outside-checkout',
  'unresolved-arg',
  'base-invalid',
  'base-pinned',
  'base-unnamed',
  'ambiguous-base',
  'not-a-prefix',
  'platform-absent',
  'platform-differs',
  'index-not-supported',
  'config-unreadable',
])

const hour = 3_600_000
const minute = 60_000
const waits = (unit: number, ...each: number[]) => each.map((one) => one * unit)

/** Milliseconds from the n-th failure to the next try. The last counts for all further ones. */
const backOff = waits(hour, 0, 0, 1, 2, 4, 8, 16, 32)

/** The same after outages, which say nothing of the tag: those that came one after the other, whatever failed before them. */
const afterOutages = waits(minute, 0, 0, 1, 2, 4, 8, 16, 32, 60)

/** The tag's finished builds are given newest first, back to the latest that succeeded. */
export function pastBuilds({ builds, key, stand }: PlanTag, now: Date): Past {
  const done = builds.filter((build) => build.finishedAt !== null)
  const good = done.findIndex((build) => build.state === 'succeeded')
  const latest = good === -1 ? null : done[good]!
  if (latest && latest.key === key && stand !== 'overtaken')
    return { say: ofStand(stand), build: latest.id, again: null }
  const since = good === -1 ? done : done.slice(0, good)
  return afterFailures(
    since.filter((build) => build.key === key && build.code !== noLongerWanted),
    now,
  )
}

/** What was put back waits for a person, as what was cancelled does. */
const ofStand = (stand: PlanTag['stand']): 'unseen' | 'stopped' | 'failed' =>
  stand === 'unseen' ? 'unseen' : stand === 'back' ? 'stopped' : 'failed'

function afterFailures(failures: PlanBuild[], now: Date): Past {
  const [latest] = failures
  if (!latest?.finishedAt) return { say: 'due' }
  if (latest.state === 'cancelled') return { say: 'stopped', build: latest.id, again: null }
  if (latest.code !== null && final.has(latest.code)) return { say: 'failed', build: latest.id, again: null }
  const failed = failures.filter((build) => build.state === 'failed')
  const own = failed.filter(({ retryable }) => retryable !== true)
  const outages = own[0] ? failed.indexOf(own[0]) : failed.length
  const [steps, tries] = outages > 0 ? [afterOutages, outages] : [backOff, own.length]
  const again = new Date(latest.finishedAt.getTime() + steps[Math.min(tries, steps.length) - 1]!)
  return again > now ? { say: 'failed', build: latest.id, again } : { say: 'due' }
}
