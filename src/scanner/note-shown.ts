/**
 * In: marks of what changed (mark-shown.ts). Out: `portus_look.wanted`: of each tag a hash of what there is to be shown; the marks gone.
 * Guarantees: a mark goes in the transaction that acts on it, and what it says is read after it; what nobody marked is found by a sweep of
 * all there is, at each start and once a day; else it costs what was marked.
 */
import { keyOfRowSql } from '../access/key-of-ref.ts'
import type { Fragment, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { indexesAlone } from './scanned-image.ts'
import { flaggedSql, sharingSql } from './shown.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'log'>

/** What was answered is trusted for so long: Portus may have found nobody here since. */
export const trustedHours = 24
const sweepHours = 24
const marksAtOnce = 1000
/** Any number, the same in every process: one at a time, so that none writes what was read before another's mark. */
const showLock = 7_233_028

/** Until no mark is left. */
export async function noteShown(d: Needs, signal: AbortSignal): Promise<void> {
  if (await isSweepDue(d)) await sweep(d)
  while (!signal.aborted && (await noteSome(d))) {
    // the next ones
  }
}

/** Also where it was noted by a clock that was ahead. Whoever changes something marks it from now on. */
async function isSweepDue({ sql, clock }: Needs): Promise<boolean> {
  const now = clock()
  await sql`insert into portus_sweep (id) values (1) on conflict do nothing`
  const fresh = await sql`
    select from portus_sweep where swept_at between ${now}::timestamptz - make_interval(hours => ${sweepHours})
      and ${now}::timestamptz + make_interval(hours => ${sweepHours})`
  return fresh.length === 0
}

/** All there is, in one pass: it says what the marks so far say, too. */
async function sweep(d: Needs): Promise<void> {
  await d.sql.begin(async (tx) => {
    await locked(tx)
    await tx`delete from portus_mark`
    const heads = tx`
      select near.digest from (
        select distinct t.head_digest as digest from (select distinct tag_id from cause where counted) c
        cross join lateral (select * from tag where id = c.tag_id and head_digest is not null and ignored is null offset 0) t
      ) own cross join lateral (${sharingSql(tx, tx`own.digest`)}) near (digest)`
    const { count } = await keepShown(
      d,
      tx,
      heads,
      tx`select ref from portus_look where wanted <> '' or digest is not null`,
    )
    await tx`update portus_sweep set swept_at = ${d.clock()}`
    d.log.info({ changed: count }, 'found out of all tags what Portus is to show')
  })
}

/** False where nothing was marked. */
async function noteSome(d: Needs): Promise<boolean> {
  return d.sql.begin(async (tx) => {
    await locked(tx)
    await indexesAlone(tx)
    const marks = await tx<{ kind: 'tag' | 'namespace'; key: string }[]>`
      delete from portus_mark where id in (select id from portus_mark order by id limit ${marksAtOnce}) returning kind, key`
    if (marks.length === 0) return false
    const of = (kind: string) => [...new Set(marks.filter((mark) => mark.kind === kind).map(({ key }) => key))]
    const [refs, keys] = [tx`select unnest(${of('tag')}::text[])`, of('namespace')]
    if (keys.length > 0) await markBasedOn(d, tx, keys)
    const concerned = await tx<{ digest: string }[]>`
      select distinct near.digest from (
        select head_digest as digest from tag where ref in (${refs}) and head_digest is not null
        union select digest from portus_look where ref in (${refs}) and digest is not null
      ) own cross join lateral (${sharingSql(tx, tx`own.digest`)}) near (digest)`
    const heads = tx`select unnest(${concerned.map(({ digest }) => digest)}::text[])`
    await keepShown(
      d,
      tx,
      heads,
      tx`select ref from portus_look where ref in (${refs}) union select ref from portus_look where digest in (${heads})`,
    )
    return true
  })
}

const locked = (tx: Tx) => tx`select pg_advisory_xact_lock(${showLock})`

/** Tags whose findings name something in these namespaces. */
const markBasedOn = (d: Needs, tx: Tx, keys: string[]) => tx`
  with base as (
    select b.ref from registry g join repository r on r.registry_id = g.id join tag b on b.repository_id = r.id
    where ${keyOfRowSql(tx, d)} = any(${keys})
  )
  insert into portus_mark (kind, key)
  select 'tag', t.ref from (
    select c.tag_id from base join cause c on c.base = base.ref where c.counted
    union select c.tag_id from base join cause c on c.via = base.ref where c.counted
  ) named join tag t on t.id = named.tag_id`

/** Finds it out of the tags at these digests, and of `others` (refs of rows that there are): these have nothing, where they are not at one of them. */
const keepShown = (d: Needs, tx: Tx, heads: Fragment, others: Fragment) => tx`
  insert into portus_look as l (ref, digest, wanted, next_at)
  select ref, max(digest), max(shown), ${d.clock()}::timestamptz from (
    select ref, digest, shown from (${flaggedSql(tx, d, heads)}) flagged union all select ref, null, '' from (${others}) known
  ) found group by ref order by ref
  on conflict (ref) do update set wanted = excluded.wanted, digest = excluded.digest,
    next_at = case when l.wanted = excluded.wanted then l.next_at
      when l.answered = excluded.wanted then l.answered_at + make_interval(hours => ${trustedHours}) else excluded.next_at end
  where (l.wanted, l.digest) is distinct from (excluded.wanted, excluded.digest)`
