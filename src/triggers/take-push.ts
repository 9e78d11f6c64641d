import { createHash, randomUUID } from 'node:crypto'
import { ownKeyOf } from '../access/key-of-ref.ts'
import { Recipe } from '../build/recipe.ts'
import { requestBuild } from '../build/request.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { inTransaction } from '../ingest/in-transaction.ts'
import { parseReference } from '../oci/reference.ts'
import type { GitPush } from './git-push.ts'
import { wantedByPush } from './wanted-by-push.ts'

/** What a delivery led to: told to the git server, which shows it beside the delivery. */
export type PushOutcome = {
  event: 'push'
  ref: string
  commit: string | null
  pusher: string | null
  builds: { ref: string; id: string }[]
  /** recipes of this repository and ref that are not built, and why */
  skipped: { ref: string; because: string }[]
}

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config'>

/** Deliveries are remembered for so long; git servers offer to send again those of some days. */
const keptFor = 30 * 86_400_000

/**
 * Queues the builds that a push asks for, in one transaction with the note that this delivery was acted on: one that comes again, by
 * any of its `ids`, gets the answer of then. Without: it is acted on each time, and a build that is queued stays one.
 */
export async function takePush(
  d: Needs,
  delivery: { namespaceKey: string; ids: readonly string[]; push: GitPush },
): Promise<PushOutcome> {
  let outcome: PushOutcome | null = null
  await inTransaction(d.sql, async (tx) => {
    const { namespaceKey, push } = delivery
    const ids = [...new Set(delivery.ids)].sort()
    const before = await known(tx, namespaceKey, ids)
    if (before) {
      outcome = before
      return
    }
    outcome = await queueBuilds(d, tx, { namespaceKey, push, root: rootOf(namespaceKey, ids) })
    if (ids.length === 0) return
    const now = d.clock()
    await tx`delete from git_delivery where received_at < ${new Date(now.getTime() - keptFor)}`
    await tx`
      insert into git_delivery (namespace_key, id, received_at, outcome)
      select ${namespaceKey}, id, ${now}, ${JSON.stringify(outcome)}::text::jsonb from unnest(${ids}::text[]) as id`
  })
  if (!outcome) throw new Error('a transaction ended without an outcome')
  return outcome
}

/** Also waits for the same delivery under way elsewhere: by ids in one order for all. */
async function known(tx: Tx, namespaceKey: string, ids: readonly string[]): Promise<PushOutcome | null> {
  for (const id of ids)
    await tx`select pg_advisory_xact_lock(hashtextextended(${`git delivery ${namespaceKey} ${id}`}, 0))`
  const [row] = await tx<{ outcome: string }[]>`
    select outcome::text as outcome from git_delivery where namespace_key = ${namespaceKey} and id = any(${[...ids]}::text[]) limit 1`
  return row ? (JSON.parse(row.outcome) as PushOutcome) : null
}

/** What follows from the builds of one push is one change, and has one plan. */
const rootOf = (namespaceKey: string, [id = randomUUID()]: readonly string[]): string =>
  `git@${createHash('sha256').update(`${namespaceKey} ${id}`).digest('hex').slice(0, 32)}`

type Delivered = { namespaceKey: string; push: GitPush; root: string }

async function queueBuilds(d: Needs, tx: Tx, { namespaceKey, push, root }: Delivered): Promise<PushOutcome> {
  const { ref, commit, pusher } = push
  const outcome: PushOutcome = { event: 'push', ref, commit, pusher, builds: [], skipped: [] }
  const note = `${ref} pushed${pusher ? ` by ${pusher}` : ''}${commit ? `: ${commit.slice(0, 12)}` : ''}`
  for (const recipe of await recipesWithSource(d, tx, namespaceKey)) {
    const wanted = wantedByPush(recipe.recipe, push)
    if (wanted === 'other') continue
    const because = wanted.because ?? (d.config.observe ? 'observing' : null)
    if (because !== null) {
      outcome.skipped.push({ ref: recipe.ref, because })
      continue
    }
    const requested = await requestBuild(d, { ref: recipe.ref, reason: { kind: 'git-push' }, root, note }, tx)
    if (requested !== 'no-recipe') outcome.builds.push({ ref: recipe.ref, id: requested.build.id })
  }
  return outcome
}

/** By ref, so that two pushes lock tags in the same order. As text: the driver renames JSON keys, and build arguments are keys. */
async function recipesWithSource(d: Needs, tx: Tx, namespaceKey: string): Promise<{ ref: string; recipe: Recipe }[]> {
  const rows = await tx<{ ref: string; spec: string }[]>`
    select ref, spec::text as spec from recipe where spec ? 'git' order by ref collate "C"`
  return rows.flatMap(({ ref, spec }) => {
    if (ownKeyOf(d, parseReference(ref)!) !== namespaceKey) return []
    const recipe = Recipe.safeParse(JSON.parse(spec))
    return recipe.success ? [{ ref, recipe: recipe.data }] : []
  })
}
