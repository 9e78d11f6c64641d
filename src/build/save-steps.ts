import { isLostDatabase } from '../db/is-lost-database.ts'
import type { Deps } from '../deps.ts'
import type { BuildHost, PushIntent } from './builders/builder.ts'
import type { Claim, Step } from './claim.ts'
import { gather } from './gather.ts'
import { storable, storableJson } from './storable.ts'

/** What a build is at. Null leaves what is stored. `durable`: waited for until it is on disk. */
export type Saved = {
  claim: Pick<Claim, 'id' | 'token'>
  builder: string | null
  steps: readonly Step[]
  intent: Pick<PushIntent, 'bases' | 'commit' | 'previous'> | null
  host: BuildHost | null
  durable: boolean
}

/** False: another worker took the build over, and nothing was written. */
export type SaveSteps = (saved: Saved) => Promise<boolean>

const mostAtOnce = 64

/**
 * For all builds of a process: what several are at goes into one statement. Only where one of them is durable is it flushed to disk: of
 * anything else PostgreSQL may forget the last moments in a crash of its own, and whoever takes the build over then does the same as without them.
 */
export const saveStepsTogether = (d: Pick<Deps, 'sql'>): SaveSteps =>
  gather(
    async (all) => {
      const texts = (of: (one: Saved) => string | null) => all.map(of)
      const rows = await d.sql<{ id: string }[]>`
        update build set builder = coalesce(saved.builder, build.builder), steps = saved.steps::jsonb,
          bases = coalesce(saved.bases::jsonb, build.bases), commit = coalesce(saved.commit, build.commit),
          host = coalesce(saved.host::jsonb, build.host), previous = coalesce(saved.previous, build.previous)
        from unnest(${texts(({ claim }) => claim.id)}::text[], ${texts(({ claim }) => claim.token)}::text[], ${texts(({ builder }) => builder)}::text[],
          ${texts(({ steps }) => storableJson(steps))}::text[], ${texts(({ intent }) => intent && storableJson(intent.bases))}::text[],
          ${texts(({ intent }) => (intent?.commit ? storable(intent.commit) : null))}::text[], ${texts(({ host }) => host && storableJson(host))}::text[],
          ${texts(({ intent }) => intent?.previous ?? null)}::text[]) as saved (id, token, builder, steps, bases, commit, host, previous)
        where build.id = saved.id::uuid and build.claim_token = saved.token::uuid and build.state = 'running'
          and (${all.some(({ durable }) => durable)} or set_config('synchronous_commit', 'off', true) is not null)
        returning build.id`
      const written = new Set(rows.map(({ id }) => id))
      return all.map(({ claim }) => written.has(claim.id))
    },
    { most: mostAtOnce, key: ({ claim }) => claim.id, apart: (error) => !isLostDatabase(error) },
  )
