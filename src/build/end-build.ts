import type { Deps } from '../deps.ts'
import type { Failure } from './build-error.ts'
import type { Claim, Step } from './claim.ts'
import type { Course } from './course.ts'
import { storableJson } from './storable.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'log'>

/**
 * The end of the row and what follows from it, together; `error` null: it succeeded. A build that another worker took over is not ours to
 * end. Where the database refuses what is to be stored, a plain `internal` failure is, so that a row always ends; rejects for any other reason.
 */
export async function endBuild(
  d: Needs,
  course: Course,
  claim: Claim,
  steps: readonly Step[],
  error: Failure | null,
): Promise<void> {
  try {
    await store(d, course, claim, error, steps)
  } catch (refused) {
    if (!isRefusedData(refused)) throw refused
    d.log.error({ err: refused, build: claim.id, ref: claim.ref }, 'how a build ended could not be stored')
    const plain = { code: 'internal', message: 'how it ended could not be stored', retryable: false }
    await store(d, course, claim, error?.code === 'cancelled' ? { ...plain, code: 'cancelled' } : error && plain, null)
  }
}

/** `steps` null: as they are stored. */
const store = (
  d: Needs,
  course: Course,
  claim: Claim,
  error: Failure | null,
  steps: readonly Step[] | null,
): Promise<void> =>
  d.sql.begin(async (tx) => {
    const state = error === null ? 'succeeded' : error.code === 'cancelled' ? 'cancelled' : 'failed'
    await tx`
      update build set state = ${state}::build_state, finished_at = ${d.clock()}, lease_until = null,
        error = ${error && storableJson(error)}::text::jsonb, steps = coalesce(${steps && storableJson(steps)}::text::jsonb, steps)
      where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
    await course.ended(claim, tx)
  }) as Promise<void>

/** SQLSTATE classes of the data itself: it would be refused again. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const isRefusedData = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^(22|54)/.test(String(error.code))
