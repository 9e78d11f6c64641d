import type { Config } from '../config.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, withHearers } from '../people/heard-by.ts'
import { countedCauses } from './counted-causes.ts'
import { isOff } from './every.ts'
import { raiseFollowUps } from './follow-ups.ts'
import { news } from './news.ts'

/** Any number, the same in every process: notices are raised by one at a time. */
export const raiseLock = 7_233_007

/** The SQL behind `with`: `counted` causes, and which of them are news (`fresh`) to whom, of those who want mail of the namespace. */
export const freshNotices = (tx: Tx, config: Pick<Config, 'registries'>, now: Date) => {
  const wanted = tx`(
    select k.* from ${withHearers(tx, tx`counted`)} as k where not k.held and not ${isOff(tx, tx`k.hearer`, tx`k.namespace`)})`
  return tx`${countedCauses(tx, config, now)}, ${heardBy(tx, tx`select namespace, repository from counted`)},
    ${news(tx, now, { told: wanted, notices: tx`notice`, of: tx`user_name` })}`
}

/**
 * A notice for each counted cause of a tag and everybody who hears of its repository and has not heard of it.
 *
 * Root, which a chain reaction shares: "base@to"; where `to` was pushed by a build of ours, that build's root, or its id where
 * somebody asked for it (the roots src/plan gives to what follows). A rebuilt base is thus no news to whom was told of the change
 * it was rebuilt for. While a build of ours that may have pushed `to` runs, the cause is held: its row does not know yet what it
 * pushed.
 * Nothing of a tag that does not matter or is snoozed, nor of a cause whose base is; when a snooze has ended what it covered is
 * news, also to whom it was told before.
 * A base that comes back to a digest told earlier, after another one, is news (news.ts): the root then gets "#2", "#3", …
 *
 * Who wants no mail of the namespace is left out, and hears of what is outdated still when they want it again. Then the follow-ups.
 *
 * One statement each; nothing is read into memory. Key: (user_name, ref, root, kind). `held`: causes to look at again soon.
 */
export async function raiseNotices(
  d: Pick<Deps, 'sql' | 'clock' | 'config'>,
): Promise<{ raised: number; held: number }> {
  const now = d.clock()
  return d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${raiseLock})`
    await tx`set local work_mem = '64MB'` // thousands of contents are sorted, and would be so on disk
    const [counts] = await tx<{ raised: number; held: number }[]>`
      with ${freshNotices(tx, d.config, now)}, raised as (
        insert into notice (user_name, namespace, ref, root, content, created_at)
        select hearer, namespace, ref, new_root, content || stay, ${now}::timestamptz
        from fresh order by hearer, namespace, ref, (own_root is not null), base
        on conflict (user_name, ref, root, kind) do nothing
        returning 1
      )
      select (select count(*)::int from raised) as raised, (select count(*)::int from counted where held) as held`
    if (!counts) throw new Error('a count gave no row')
    const after = await raiseFollowUps(d, tx, now)
    return { raised: counts.raised + after.raised, held: counts.held + after.held }
  })
}
