import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { TagPolicy } from './tag-policy.ts'

export type StoredPolicy = TagPolicy & { scope: string; updatedAt: Date }
export type PolicyRow = TagPolicy & { scope: string }

const columns = (sql: Sql | Tx) =>
  sql`p.scope, p.include, p.exclude, p.keep_newest, p.keep_by, p.ignore_immutable, p.immutable`

/** By scope, those after `after`. `mine`: a condition on `p.scope`; without it all. */
export const listPolicies = (
  d: Pick<Deps, 'sql'>,
  { after, limit, mine }: { after: string | null; limit: number; mine?: Fragment },
): Promise<StoredPolicy[]> => d.sql<StoredPolicy[]>`
  select ${columns(d.sql)}, p.updated_at from tag_policy p
  where (${after}::text is null or p.scope > ${after}) and ${mine ?? d.sql`true`} order by p.scope limit ${limit}`

export async function getPolicy(d: Pick<Deps, 'sql'>, scope: string): Promise<StoredPolicy | null> {
  const [found] = await d.sql<StoredPolicy[]>`
    select ${columns(d.sql)}, p.updated_at from tag_policy p where p.scope = ${scope}`
  return found ?? null
}

/** Stores it as a whole; the tags follow in a job. */
export async function putPolicy(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock'>,
  scope: string,
  policy: TagPolicy,
): Promise<StoredPolicy> {
  const { include, exclude, keepNewest, keepBy, ignoreImmutable, immutable } = policy
  const updatedAt = d.clock()
  await d.sql.begin(async (tx) => {
    await tx`
      insert into tag_policy (scope, include, exclude, keep_newest, keep_by, ignore_immutable, immutable, updated_at)
      values (${scope}, ${include}, ${exclude}, ${keepNewest}, ${keepBy}::keep_by, ${ignoreImmutable}, ${immutable}, ${updatedAt})
      on conflict (scope) do update set include = excluded.include, exclude = excluded.exclude, keep_newest = excluded.keep_newest,
        keep_by = excluded.keep_by, ignore_immutable = excluded.ignore_immutable, immutable = excluded.immutable,
        updated_at = excluded.updated_at`
    await enqueueCurate(d, tx, scope)
  })
  return { scope, ...policy, updatedAt }
}

/** False: there was none. */
export const removePolicy = (d: Pick<Deps, 'sql' | 'jobs'>, scope: string): Promise<boolean> =>
  d.sql.begin(async (tx) => {
    const gone = await tx`delete from tag_policy where scope = ${scope}`
    if (gone.count > 0) await enqueueCurate(d, tx, scope)
    return gone.count > 0
  })

const enqueueCurate = (d: Pick<Deps, 'jobs'>, tx: Tx, scope: string): Promise<void> =>
  d.jobs.enqueue(tx, 'curate', { scope }, { key: `curate:${scope}`, queue: 'curate' })

/**
 * Whether a policy's scope (policy-scope.ts) speaks of the repository `r` of the registry `g`: of itself, or of its namespace, whose key
 * begins with a host where there are several registries.
 */
export const speaksOfRow = (sql: Sql | Tx, scope: Fragment): Fragment =>
  sql`(${scope} in (${ownScope(sql)}, g.name || '/' || r.namespace) or (${scope} = r.namespace and not g.outside and not g.gone))`

const ownScope = (sql: Sql | Tx): Fragment =>
  sql`g.name || case when r.namespace = '_' then '/_/' else '/' end || r.name`

/** The policy that decides in each of these repositories: its own, else its namespace's. */
export async function policyOf(tx: Tx, repositoryIds: number[]): Promise<Map<number, PolicyRow>> {
  const rows = await tx<(PolicyRow & { id: number })[]>`
    select distinct on (r.id) r.id, ${columns(tx)}
    from repository r join registry g on g.id = r.registry_id join tag_policy p on ${speaksOfRow(tx, tx`p.scope`)}
    where r.id = any(${repositoryIds})
    order by r.id, (p.scope = ${ownScope(tx)}) desc, (p.scope = g.name || '/' || r.namespace) desc`
  return new Map(rows.map(({ id, ...policy }) => [id, policy]))
}
