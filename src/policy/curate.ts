/**
 * in: policies, and the tags of the repositories that they speak of; the tags that recipes keep beside their own.
 * out: `tag.ignored`: by which rule a tag does not matter, null where it does.
 * guarantees: a function of the policies and a repository's tags; made anew when either changes; almost free where there is no policy.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { withdrawNotices } from '../notify/withdraw-notices.ts'
import { markTags } from '../scanner/mark-shown.ts'
import { curateTags } from './curate-tags.ts'
import { helperTags, mayBeHelper } from './helper-tags.ts'
import { type PolicyRow, policyOf, speaksOfRow } from './policies.ts'
import type { Ignored } from './tag-policy.ts'

/** Any number, the same in every process: one curation at a time, so that none writes what was read before another's change. */
const curateLock = 7_233_011
/** Of one transaction: it holds up what is pushed to their tags. */
const repositoriesAtOnce = 10

/**
 * The part of a refresh: the repositories of the tags among these rows of `dirty`. One look where there is neither policy nor recipe, and
 * without a policy only at what may be a recipe's helper.
 */
export async function curateDirty(tx: Tx, dirtyIds: readonly number[]): Promise<void> {
  const [any] = await tx<{ policy: boolean; recipe: boolean }[]>`
    select exists(select from tag_policy) as policy, exists(select from recipe) as recipe`
  // Without a policy there is still what one left behind that is just being removed: its own job sees to that.
  if (!any?.policy && !any?.recipe) return
  await lock(tx)
  const touched = await tx<{ id: number; repositoryId: number }[]>`
    select distinct t.id, t.repository_id from dirty d join tag t on t.ref = d.key
    where d.kind = 'tag' and d.id = any(${[...dirtyIds]})
      and (${any.policy} or t.ignored->>'rule' in ('previous', 'candidate') or ${mayBeHelper(tx)})`
  await curateTouched(tx, touched)
}

/** The job: every repository that a policy of this scope speaks of, now that it was set, changed or removed. */
export async function curate(d: Pick<Deps, 'sql' | 'jobs' | 'log'>, scope: string): Promise<void> {
  const repositories = await d.sql<{ id: number }[]>`
    select r.id from repository r join registry g on g.id = r.registry_id
    where ${speaksOfRow(d.sql, d.sql`${scope}`)} order by r.id`
  let changed = 0
  for (let i = 0; i < repositories.length; i += repositoriesAtOnce) {
    const ids = repositories.slice(i, i + repositoriesAtOnce).map(({ id }) => id)
    changed += await d.sql.begin(async (tx) => {
      await lock(tx)
      const count = await curateRepositories(tx, ids, null)
      if (count > 0) {
        await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
        await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
      }
      return count
    })
  }
  d.log.info({ scope, repositories: repositories.length, tags: changed }, 'curated')
}

const lock = (tx: Tx) => tx`select pg_advisory_xact_lock(${curateLock})`

async function curateTouched(tx: Tx, touched: { id: number; repositoryId: number }[]): Promise<void> {
  const repositories = [...new Set(touched.map(({ repositoryId }) => repositoryId))]
  for (let i = 0; i < repositories.length; i += repositoriesAtOnce)
    await curateRepositories(
      tx,
      repositories.slice(i, i + repositoriesAtOnce),
      touched.map(({ id }) => id),
    )
}

type TagRow = {
  id: number
  repositoryId: number
  ref: string
  name: string
  headAt: bigint | null
  ignored: string | null
}

/**
 * Answers how many tags changed. `only`: tags whose own names decide, where the policy does not compare tags (keepNewest does); null =
 * all. Deleted tags are not ignored.
 */
async function curateRepositories(tx: Tx, repositoryIds: number[], only: number[] | null): Promise<number> {
  const policies = await policyOf(tx, repositoryIds)
  const whole = repositoryIds.filter((id) => only === null || policies.get(id)?.keepNewest != null)
  const tags = await tx<TagRow[]>`
    select id, repository_id, ref, name, case when head_digest is not null then head_at end as head_at, ignored::text as ignored from tag
    where (repository_id = any(${whole}) or (repository_id = any(${repositoryIds}) and id = any(${only ?? []})))
      and (head_digest is not null or ignored is not null)`
  const helpers = await helperTags(tx, tags)
  const changes = [...Map.groupBy(tags, (tag) => tag.repositoryId)].flatMap(([id, rows]) =>
    changesOf(rows, policies.get(id) ?? null, helpers),
  )
  if (changes.length === 0) return 0
  await tx`
    update tag set ignored = new.ignored
    from json_to_recordset(${JSON.stringify(changes)}::text::json) as new (id int, ignored jsonb) where tag.id = new.id`
  await markTags(
    tx,
    changes.map(({ ref }) => ref),
  )
  await withdrawNotices(tx, { refs: changes.filter(({ ignored }) => ignored !== null).map(({ ref }) => ref) })
  return changes.length
}

type Change = { id: number; ref: string; ignored: Ignored | null }

/** Helpers are ignored before any policy is asked, and count for none. */
function changesOf(rows: readonly TagRow[], policy: PolicyRow | null, helpers: ReadonlyMap<number, Ignored>): Change[] {
  const existing = rows.flatMap(({ id, name, headAt }) =>
    headAt === null || helpers.has(id) ? [] : [{ name, headAt }],
  )
  const found = policy ? curateTags(existing, policy) : new Map<string, Ignored | null>()
  return rows.flatMap(({ id, ref, name, ignored, headAt }) => {
    const now = (headAt === null ? null : helpers.get(id)) ?? found.get(name) ?? null
    return isSame(now, ignored) ? [] : [{ id, ref, ignored: now }]
  })
}

function isSame(now: Ignored | null, stored: string | null): boolean {
  if (now === null || stored === null) return now === stored
  const { rule, scope, detail } = JSON.parse(stored) as Ignored
  return rule === now.rule && scope === now.scope && detail === now.detail
}
