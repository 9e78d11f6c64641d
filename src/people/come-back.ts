import { auditSource } from '../access/audit.ts'
import type { Fragment, Tx } from '../db/postgres.ts'
import { beginAnew } from './begin-anew.ts'

/**
 * How long a name that no source says any more is kept for its person. Long enough for a source's slip to be seen and mended, over a long
 * weekend too, and as long as a session may live; few installations give a name to somebody else sooner.
 */
const keptFor = '168 hours'
/** By how much clocks may differ (another database server, a correction): what is further ahead was noted by another clock than that of now. */
const ahead = '1 hour'

/** In SQL: since this instant it has been longer than that; or it lies ahead, so that nobody can tell how long. */
const isLong = (tx: Tx, since: Fragment) =>
  tx`(${since} < statement_timestamp() - ${keptFor}::interval or ${since} > statement_timestamp() + ${ahead}::interval)`

/** The names, and the roles that were given here and are taken away. */
type Anew = { names: string[]; members: { namespace: string; user: string }[] }

/**
 * Of these names, those that were gone for long and are said again: they begin anew (begin-anew.ts), with a row in the audit log each.
 * To be called under lockPeople, when what sources say has changed and `person` has not yet.
 */
export async function comeBack(tx: Tx, names: readonly string[]): Promise<Anew> {
  const back = await tx<{ name: string; since: Date; source: string }[]>`
    select p.name, p.gone_at as since, min(s.source collate "C") as source
    from person p join person_said s on s.name = p.name
    where p.name in (select unnest(${[...names]}::text[])) and not p.enabled and p.gone_at is not null
      and (p.gone_long or ${isLong(tx, tx`p.gone_at`)})
    group by p.name order by p.name`
  const anew = back.map(({ name }) => name)
  const members = await beginAnew(tx, anew)
  await auditSource(
    tx,
    back.map(({ name, since, source }) => ({
      ...{ source, action: 'begin anew', subject: name, details: { goneSince: since.toISOString() } },
    })),
  )
  return { names: anew, members }
}

/** Notes of whom it has been long by now that they are gone: whatever the clock says later, it was. To be called under lockPeople. */
export const noteLongGone = async (tx: Tx): Promise<void> =>
  void (await tx`
    update person p set gone_long = true
    where p.gone_at is not null and not p.gone_long and not p.enabled and ${isLong(tx, tx`p.gone_at`)}`)
