import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { isDigest } from '../oci/digest.ts'
import { BuildError } from './build-error.ts'
import type { PushIntent, ResolvedBase } from './builders/builder.ts'
import { Recipe } from './recipe.ts'
import type { BuildReason } from './request.ts'

/** A step as stored in Build.steps. `content` (push only): the config digest that was about to be pushed. */
export type Step = {
  name: string
  startedAt: string
  finishedAt: string | null
  error: { code: string; message: string } | null
  content?: string
}

/** A build that this worker owns, until another takes it over: every write of ours names `token`. */
export type Claim = {
  id: string
  ref: string
  token: string
  /** null where the stored one cannot be read by this version */
  recipe: Recipe | null
  reason: BuildReason
  /** an earlier attempt died at it */
  takenOver: boolean
  /** what that attempt was about to push, or may have pushed */
  intent: PushIntent | null
}

type Row = {
  id: string
  ref: string
  token: string
  previous: string
  recipe: string
  reason: string
  steps: string
  bases: string
  commit: string | null
}

/** over: it has ended. busy: another build of the same tag runs (index build_running_once). */
export async function claimBuild(d: Pick<Deps, 'sql' | 'clock'>, buildId: string): Promise<Claim | 'over' | 'busy'> {
  // JSON as text: the driver renames JSON keys, and build arguments are keys.
  const rows = await d.sql<Row[]>`
    update build set state = 'running', claim_token = gen_random_uuid(), started_at = coalesce(build.started_at, ${d.clock()})
    from (select id, state from build where id = ${buildId} for update) old
    where build.id = old.id and old.state in ('queued', 'running')
    returning build.id, build.ref, build.claim_token as token, old.state as previous, build.recipe::text as recipe,
      build.reason::text as reason, build.steps::text as steps, build.bases::text as bases, build.commit`.catch(
    (error: { code?: string }) => {
      if (error.code === uniqueViolation) return 'busy' as const
      throw error
    },
  )
  if (rows === 'busy') return 'busy'
  const [row] = rows
  if (!row) return 'over'
  const { id, ref, token } = row
  const recipe = Recipe.safeParse(JSON.parse(row.recipe)).data ?? null
  const reason = JSON.parse(row.reason) as BuildReason
  return { id, ref, token, recipe, reason, takenOver: row.previous === 'running', intent: intentOf(row) }
}

const uniqueViolation = '23505'

const Steps = z.array(z.object({ name: z.string(), content: z.string().optional() }))

function intentOf(row: Row): PushIntent | null {
  const content = Steps.parse(JSON.parse(row.steps)).find((step) => step.name === 'push')?.content
  if (!isDigest(content)) return null
  return { content, bases: JSON.parse(row.bases) as ResolvedBase[], commit: row.commit }
}

const askedEveryMs = 1000

/**
 * Aborts `stop` once the build is cancelled (`cancelled`) or another worker took it over (`claim-lost`). Runs until `until` is
 * aborted. A database that does not answer for a while stops nothing: whoever writes next will notice.
 */
export async function watchClaim(
  d: Pick<Deps, 'sql' | 'log'>,
  claim: Pick<Claim, 'id' | 'token'>,
  stop: AbortController,
  until: AbortSignal,
): Promise<void> {
  while (!until.aborted && !stop.signal.aborted) {
    try {
      const [row] = await d.sql<{ cancelAsked: boolean; owned: boolean }[]>`
        select cancel_asked, claim_token = ${claim.token} as owned from build where id = ${claim.id}`
      if (!row?.owned) stop.abort(new BuildError('claim-lost', 'another worker took this build over'))
      else if (row.cancelAsked) stop.abort(new BuildError('cancelled', 'cancelled on request'))
    } catch (error) {
      d.log.warn({ err: error, build: claim.id }, 'could not ask whether a build is cancelled')
    }
    await delay(askedEveryMs, undefined, { signal: until }).catch(() => undefined)
  }
}
