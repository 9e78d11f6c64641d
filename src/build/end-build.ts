import { isLostDatabase } from '../db/is-lost-database.ts'
import type { Deps } from '../deps.ts'
import type { Failure } from './build-error.ts'
import type { Claim, Step } from './claim.ts'
import type { Course } from './course.ts'
import { gather } from './gather.ts'
import { storableJson } from './storable.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'log'>

/** How a build ended; `error` null: it succeeded. `steps` null: as they are stored. */
export type Ending = {
  course: Course
  claim: Pick<Claim, 'id' | 'token' | 'ref'>
  steps: readonly Step[] | null
  error: Failure | null
}

export type EndBuild = (ending: Ending) => Promise<void>

/**
 * The end of the row and what follows from it, together. A build that another worker took over is not ours to end. Where the database
 * refuses what is to be stored, a plain `internal` failure is, so that a row always ends; rejects for any other reason. For all builds
 * of a process: those that end while others are being stored are stored by one transaction, which is flushed to disk once.
 */
export function endTogether(d: Needs): EndBuild {
  const end = gather(
    async (endings: readonly Ending[]) => {
      await store(d, endings)
      return endings.map(() => null)
    },
    { most: mostAtOnce, key: ({ claim }) => claim.id, apart: (error) => !isLostDatabase(error) },
  )
  return async (ending) => {
    try {
      await end(ending)
    } catch (refused) {
      if (!isRefusedData(refused)) throw refused
      const { claim, error } = ending
      d.log.error({ err: refused, build: claim.id, ref: claim.ref }, 'how a build ended could not be stored')
      const plain = { code: 'internal', message: 'how it ended could not be stored', retryable: false }
      const said = error?.code === 'cancelled' ? { ...plain, code: 'cancelled' } : error && plain
      await end({ ...ending, error: said, steps: null })
    }
  }
}

const mostAtOnce = 64

const store = (d: Needs, endings: readonly Ending[]): Promise<void> =>
  d.sql.begin(async (tx) => {
    const texts = (of: (one: Ending) => string | null) => endings.map(of)
    const rows = await tx<{ id: string }[]>`
      update build set state = ended.state::build_state, finished_at = ${d.clock()}, lease_until = null,
        error = ended.error::jsonb, steps = coalesce(ended.steps::jsonb, build.steps)
      from unnest(${texts(({ claim }) => claim.id)}::text[], ${texts(({ claim }) => claim.token)}::text[], ${texts(stateOf)}::text[],
        ${texts(({ error }) => error && storableJson(error))}::text[], ${texts(({ steps }) => steps && storableJson(steps))}::text[])
        as ended (id, token, state, error, steps)
      where build.id = ended.id::uuid and build.claim_token = ended.token::uuid and build.state = 'running'
      returning build.id`
    const ours = endings.filter(({ claim }) => rows.some(({ id }) => id === claim.id))
    for (const [course, all] of Map.groupBy(ours, (one) => one.course))
      await course.ended(
        all.map(({ claim }) => claim),
        tx,
      )
  }) as Promise<void>

const stateOf = ({ error }: Ending): string =>
  error === null ? 'succeeded' : error.code === 'cancelled' ? 'cancelled' : 'failed'

/** SQLSTATE classes of the data itself: it would be refused again. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const isRefusedData = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^(22|54)/.test(String(error.code))
