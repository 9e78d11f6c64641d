/**
 * In: what people were told of as outdated, causes and builds as they are.
 * Out: notices of the kinds failed, rebuilt and still, for those who want them.
 * Guarantees: once a person, tag, root and kind (a reminder: and week); nothing of it stands in the way of what is outdated; what no longer
 * holds when the mail is written is taken back (gather.ts).
 */
import type { Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, repositoryOfRef, withHearers } from '../people/heard-by.ts'
import { countedCauses } from './counted-causes.ts'
import { isOff } from './every.ts'
import { newestOutcome } from './newest-outcome.ts'
import { buildOfRow, rebuilt } from './rebuilt.ts'
import { still } from './still.ts'

/**
 * The SQL behind `with`, after countedCauses: `failed_rebuilds`, a row for each tag that may be told of and of whose builds the newest outcome is a failure
 * (newest-outcome.ts), whether it is tried again meanwhile or not: namespace, repository, ref, root (of the build; of what was built at a time or
 * for a commit, the cause's), content.
 */
export const failedRebuilds = (sql: Sql | Tx) => sql`
  failed_rebuilds as materialized (
    select distinct on (k.ref) k.namespace, k.repository, k.ref, coalesce(b.root, k.root) as root, k.content || jsonb_build_object('build', ${buildOfRow(sql)}) as content
    from counted k cross join lateral ${newestOutcome(sql, sql`k.ref`)} as b
    where not k.held and b.state = 'failed'
    order by k.ref, (k.root = b.root) desc nulls last, k.base
  )`

/** How many it raised; `held`: to be looked at again soon. To be called under the lock of raise-notices.ts. */
export async function raiseFollowUps(
  d: Pick<Deps, 'config'>,
  tx: Tx,
  now: Date,
): Promise<{ raised: number; held: number }> {
  // where there is nothing to follow up, what is outdated is not gone through again
  const [some] = await tx<{ failed: boolean; told: boolean }[]>`
    select exists (select from build where state = 'failed' and job is null) as failed,
      exists (select from notice where kind = 'outdated' and mail_id is not null) as told`
  const failed = some?.failed ? await raiseFailed(d, tx, now) : 0
  const reminded = some?.told && d.config.stillOutdatedDays > 0 ? await raiseStill(d, tx, now) : 0
  const current = await raiseRebuilt(tx, now)
  return { raised: failed + reminded + current.raised, held: current.held }
}

async function raiseFailed(d: Pick<Deps, 'config'>, tx: Tx, now: Date): Promise<number> {
  const { count } = await tx`
    with ${countedCauses(tx, d.config, now)}, ${failedRebuilds(tx)}, ${heardBy(tx, tx`select namespace, repository from failed_rebuilds`)}
    insert into notice (kind, user_name, namespace, ref, root, content, created_at)
    select 'failed', f.hearer, f.namespace, f.ref, f.root, f.content, ${now}
    from ${withHearers(tx, tx`failed_rebuilds`)} as f left join notify_person wish on wish.user_name = f.hearer
    where coalesce(wish.failed, true) and not ${isOff(tx, tx`f.hearer`, tx`f.namespace`)}
      and not exists (select from notice n where n.user_name = f.hearer and n.ref = f.ref and n.root = f.root and n.kind = 'failed')
    order by f.hearer, f.ref
    on conflict (user_name, ref, root, kind) do nothing`
  return count
}

async function raiseStill(d: Pick<Deps, 'config'>, tx: Tx, now: Date): Promise<number> {
  const told = tx`(
    select n.id, n.user_name as hearer, n.namespace, n.ref, n.root, n.created_at
    from notice n left join notify_person wish on wish.user_name = n.user_name
    where n.kind = 'outdated' and n.mail_id is not null and coalesce(wish.still, true) and not ${isOff(tx, tx`n.user_name`, tx`n.namespace`)})`
  const { count } = await tx`
    with ${countedCauses(tx, d.config, now)}, ${heardBy(tx, tx`select namespace, repository from counted`)}, ${still(tx, now, d.config.stillOutdatedDays, { told, notices: tx`notice`, of: tx`user_name` })}
    insert into notice (kind, user_name, namespace, ref, root, content, created_at)
    select 'still', hearer, namespace, ref, new_root, content, ${now} from due
    where (hearer, namespace) in (select user_name, namespace from heard where repository is null)
      or (hearer, namespace, ${repositoryOfRef(tx, tx`ref`)}) in (select user_name, namespace, repository from heard where repository is not null)
    order by hearer, ref
    on conflict (user_name, ref, root, kind) do nothing`
  return count
}

async function raiseRebuilt(tx: Tx, now: Date): Promise<{ raised: number; held: number }> {
  const told = tx`(
    select n.id, n.user_name as hearer, n.namespace, n.ref, n.root, n.content
    from notify_person wish join notice n on n.user_name = wish.user_name and n.kind = 'outdated' and n.mail_id is not null
    where wish.rebuilt and not ${isOff(tx, tx`n.user_name`, tx`n.namespace`)})`
  const [counts] = await tx<{ raised: number; held: number }[]>`
    with due as materialized (${rebuilt(tx, now, { told, notices: tx`notice`, of: tx`user_name` })}), raised as (
      insert into notice (kind, user_name, namespace, ref, root, content, created_at)
      select 'rebuilt', hearer, namespace, ref, root, follow_up, ${now} from due where not held order by hearer, ref, id
      on conflict (user_name, ref, root, kind) do nothing
      returning 1
    )
    select (select count(*)::int from raised) as raised, (select count(*)::int from due where held) as held`
  if (!counts) throw new Error('a count gave no row')
  return counts
}
