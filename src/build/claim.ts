import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { BuildStop, type Failure } from './build-error.ts'
import type { PushIntent, ResolvedBase } from './builders/builder.ts'
import { Recipe } from './recipe.ts'
import type { BuildReason } from './request.ts'

/** A step as stored in Build.steps. `content` (push only): the config digest that was about to be pushed. */
export type Step = {
  name: string
  startedAt: string
  finishedAt: string | null
  error: Failure | null
  content?: string
  /** of an attempt before the one that runs, or ran last */
  earlier?: true
}

export type KnownIntent = PushIntent & { content: Digest }

/** A build that this worker owns, until another takes it over: every write of ours names `token`. */
export type Claim = {
  id: string
  ref: string
  token: string
  /** null where the stored one cannot be read by this version */
  recipe: Recipe | null
  reason: BuildReason
  /** an earlier attempt died at it, was stopped, or left it for later */
  takenOver: boolean
  /** how many workers died at it */
  deaths: number
  /** somebody asked for its end before this worker took it */
  cancelAsked: boolean
  /** since when it runs, all attempts together */
  since: Date
  /** what that attempt was about to push, or may have pushed */
  intent: KnownIntent | null
  /** what the attempts before went through */
  steps: readonly Step[]
  /** what that attempt had pushed and recorded: there is nothing left to find out, wherever the tag is by now */
  pushed: Digest | null
  /** as it came over the build service's API; null for a build of our own */
  job: unknown
}

/** What a claim is read from; JSON as text, because the driver renames JSON keys, and build arguments are keys. */
export type ClaimRow = {
  id: string
  ref: string
  token: string
  previous: string
  recipe: string
  reason: string
  steps: string
  bases: string
  commit: string | null
  digest: string | null
  job: string | null
  deaths: number
  cancelAsked: boolean
  startedAt: Date
}

/** Seconds without a sign of life after which a running build has no worker any more. Told by the database's clock alone. */
export const leaseSeconds = 15

/**
 * A lease that is over counts only once the sweeps (`noteOverLeases`) saw it so for `seen` seconds, never more than `unseen` apart: while the
 * database is away nobody can renew or see anything, and when it is back the living need a moment to renew.
 */
const silence = { seen: 8, unseen: 6 }

/** Of a running build: that nobody has it. One that was given back (`releaseClaim`) or left for later (`postponeClaim`) needs no waiting. */
export const isLeft = (tx: Tx) => tx`(build.lease_until is null or build.lease_until < clock_timestamp() and (
  build.claim_token is null or build.over_since >= build.lease_until
    and build.over_since < clock_timestamp() - ${silence.seen} * interval '1 second'
    and build.over_seen > clock_timestamp() - ${silence.unseen} * interval '1 second'))`

/** What a claim sets. Who neither gave a build back nor left it for later, died at it. */
export const taken = (tx: Tx, now: Date) => tx`
  state = 'running', claim_token = gen_random_uuid(), started_at = coalesce(build.started_at, ${now}),
  lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second',
  deaths = build.deaths + (build.state = 'running' and build.claim_token is not null and build.lease_until is not null)::int`

/** Called every two seconds by each process that runs builds. */
export async function noteOverLeases(d: Pick<Deps, 'sql'>): Promise<void> {
  await d.sql`
    update build set over_seen = clock_timestamp(), over_since = case
      when over_since >= lease_until and over_seen > clock_timestamp() - ${silence.unseen} * interval '1 second' then over_since
      else clock_timestamp() end
    where id in (
      select id from build where state = 'running' and claim_token is not null and lease_until < clock_timestamp()
      for update skip locked)` // whoever writes to one lives, and several of theirs may be in one transaction
}

/**
 * Takes this very build, whoever's turn it is. over: it has ended. busy: another worker has it, or another build of the same tag runs
 * (index build_running_once). One of several that try gets it.
 */
export async function claimBuild(d: Pick<Deps, 'sql' | 'clock'>, buildId: string): Promise<Claim | 'over' | 'busy'> {
  const rows = await d.sql<ClaimRow[]>`
    update build set ${taken(d.sql, d.clock())}
    from (select id, state from build where id = ${buildId}
      and (state = 'queued' or state = 'running' and ${isLeft(d.sql)}) for update) old
    where build.id = old.id
    returning build.id, build.ref, build.claim_token as token, old.state as previous, build.recipe::text as recipe, build.reason::text as reason,
      build.steps::text as steps, build.bases::text as bases, build.commit, build.digest, build.job::text as job, build.deaths, build.cancel_asked, build.started_at`.catch(
    (error: { code?: string }) => {
      if (error.code === uniqueViolation) return 'busy' as const
      throw error
    },
  )
  if (rows === 'busy') return 'busy'
  if (rows[0]) return claimOf(rows[0])
  const [left] = await d.sql<
    { running: boolean }[]
  >`select state = 'running' as running from build where id = ${buildId}`
  return left?.running ? 'busy' : 'over'
}

export function claimOf(row: ClaimRow): Claim {
  const { id, ref, token, deaths, cancelAsked, startedAt: since } = row
  const recipe = Recipe.safeParse(JSON.parse(row.recipe)).data ?? null
  const reason = JSON.parse(row.reason) as BuildReason
  const job: unknown = row.job === null ? null : JSON.parse(row.job)
  return {
    id,
    ref,
    token,
    recipe,
    reason,
    takenOver: row.previous === 'running',
    deaths,
    cancelAsked,
    since,
    intent: intentOf(row),
    steps: JSON.parse(row.steps) as Step[],
    pushed: isDigest(row.digest) ? row.digest : null,
    job,
  }
}

const uniqueViolation = '23505'

const Steps = z.array(z.object({ name: z.string(), content: z.string().optional() }))

function intentOf(row: ClaimRow): KnownIntent | null {
  const content = Steps.parse(JSON.parse(row.steps)).findLast((step) => step.content !== undefined)?.content
  if (!isDigest(content)) return null
  return { content, bases: JSON.parse(row.bases) as ResolvedBase[], commit: row.commit }
}

const askedEveryMs = 1000

/**
 * Renews the lease, and aborts `stop` once the build is cancelled (`cancelled`) or another worker took it over (`claim-lost`). Goes on
 * renewing after a cancel, until `until` is aborted. A database that does not answer for a while stops nothing: whoever writes next
 * will notice.
 */
export async function watchClaim(
  d: Pick<Deps, 'sql' | 'log'>,
  claim: Pick<Claim, 'id' | 'token'>,
  stop: AbortController,
  until: AbortSignal,
): Promise<void> {
  for (;;) {
    await delay(askedEveryMs, undefined, { signal: until }).catch(() => undefined)
    if (until.aborted) return
    try {
      const [row] = await d.sql<{ cancelAsked: boolean }[]>`
        update build set lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second'
        where id = ${claim.id} and claim_token = ${claim.token} and state = 'running' returning cancel_asked`
      if (row?.cancelAsked) stop.abort(new BuildStop('cancelled'))
      if (row || until.aborted) continue
      stop.abort(new BuildStop('claim-lost'))
      return
    } catch (error) {
      d.log.warn({ err: error, build: claim.id }, 'could not ask whether a build is cancelled')
    }
  }
}

/** Lets any worker take the build over at once. */
export async function releaseClaim(d: Pick<Deps, 'sql'>, claim: Pick<Claim, 'id' | 'token'>): Promise<void> {
  await d.sql`update build set lease_until = null where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
}

/** Leaves the build to any worker, `seconds` from now on: what it waits for may be back then. At once where it is to be cancelled. */
export async function postponeClaim(
  d: Pick<Deps, 'sql'>,
  claim: Pick<Claim, 'id' | 'token'>,
  seconds: number,
): Promise<void> {
  await d.sql`
    update build set claim_token = null,
      lease_until = clock_timestamp() + case when cancel_asked then 0 else ${seconds}::int end * interval '1 second'
    where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
}
