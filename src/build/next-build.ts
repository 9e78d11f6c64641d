/**
 * in: builds that are queued, or that run without a live worker. out: the one whose turn it is, claimed.
 * guarantees: exactly one claimer gets it; a dead worker's build comes first, then whoever somebody waits for, then the namespace that has
 * the fewest running and was served longest ago; limits, pauses and windows hold over all processes of one database; what
 * is of a registry that is configured no more waits.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { mayStart } from '../pause/may-start.ts'
import { isGone } from '../people/gone.ts'
import { type Claim, type ClaimRow, claimOf, isLeft, taken } from './claim.ts'
import { gather } from './gather.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config'>

/** any: all there is, with a build service elsewhere all of our own. light: what needs no builder: our own rebases. */
export type Takes = 'any' | 'light'

/** `more`: another one may be due as well, so that another worker should look. */
export type NextBuild = { claim: Claim; more: boolean }

/** Any number, the same in every process: claims are made one after another, so that each sees how many are running. */
const claimLock = 7_233_020

export async function claimNext(d: Needs, takes: Takes): Promise<NextBuild | null> {
  return (await claimSome(d, takes, 1))[0] ?? null
}

/**
 * For all workers of a process: whoever asks while a claim is being made is served with the others by the next one, so that many
 * workers do not queue for the database one by one. Each gets what it would have got by itself. `own`: builds
 * that this very process runs, which are never its to take over.
 */
export function claimTogether(
  d: Needs,
  own: ReadonlySet<string> = new Set(),
): (takes: Takes) => Promise<NextBuild | null> {
  const of = (takes: Takes) =>
    gather<null, NextBuild | null>(
      async (asking) => {
        const found = await claimSome(d, takes, asking.length, [...own])
        return asking.map((_, i) => found[i] ?? null)
      },
      { most: mostAtOnce },
    )
  const [any, light] = [of('any'), of('light')]
  return (takes) => (takes === 'any' ? any : light)(null)
}

const mostAtOnce = 16

async function claimSome(d: Needs, takes: Takes, number: number, own: readonly string[] = []): Promise<NextBuild[]> {
  const [, rows] = await d.sql.begin((tx) => [
    tx`select pg_advisory_xact_lock(${claimLock}), set_config('synchronous_commit', 'off', true)`,
    // What PostgreSQL may forget of this in a crash of its own, a worker finds out before it pushes: its next write names the token.
    tx<(ClaimRow & { more: boolean })[]>`
      with ${due(d, tx, takes, number, own)}, chosen as (
        select build.id, build.state, first.turn from (select * from due order by turn limit ${number + spare}) first
        join build on build.id = first.id and build.state = first.state
        order by first.turn limit ${number} for update of build skip locked)
      update build set ${taken(tx, d.clock())}
      from chosen where build.id = chosen.id
      returning build.id, build.ref, build.claim_token as token, chosen.state as previous, build.recipe::text as recipe,
        build.reason::text as reason, build.steps::text as steps, build.bases::text as bases, build.commit, build.digest, build.job::text as job, build.deaths, build.cancel_asked, build.started_at,
        (select count(*) > ${number} from due) as more`,
  ])
  return rows.map((row) => ({ claim: claimOf(row), more: row.more }))
}

/** Candidates looked at beyond those wanted, for rows that somebody else is writing just now. */
const spare = 8

/** The turn of a build at which a worker died before: after all others, for two minutes; else one that kills workers would keep all busy. */
const last = 2_147_483_647

/** Whether a build is due that no worker has. */
export async function isBuildDue(d: Needs, takes: Takes): Promise<boolean> {
  const [found] = await d.sql<{ is: boolean }[]>`with ${due(d, d.sql, takes, 1)} select exists (select from due) as is`
  return found?.is === true
}

/**
 * `due (id, state, turn)`: what may be claimed now if `number` are wanted, and at least one more where there is one. Where several of a
 * namespace are taken at once, each counts as running for the next. The namespaces that have something queued are found by
 * jumping along the index build_queued_turn, so that it costs the same with ten builds queued as with ten thousand. No more of them are
 * looked into than builds are wanted: the first so many builds are of the first so many namespaces, by the turn of each one's first.
 */
const due = (d: Needs, tx: Tx, takes: Takes, number: number, own: readonly string[] = []) => {
  const { names, most, open } = shares(d)
  const general = d.config.builds.perNamespace ?? null
  const light = takes === 'light'
  const elsewhere = d.config.builder === 'remote'
  // Who has its own builds made elsewhere makes nobody else's.
  const mine = tx`(build.job is null or not ${light || elsewhere}) and (not ${light} or build.recipe->>'strategy' = 'rebase')`
  const eligible = (lane: ReturnType<Tx>) => tx`
    select build.id, build.created_at from build
    where state = 'queued' and priority = ${lane}.priority and namespace_key = ${lane}.namespace_key
      and (${lane}.automatic or not build.automatic) and ${mine} and (build.job is not null or not ${isGone(tx, tx`build.ref`)})
      and not exists (select from build other where other.ref = build.ref and other.state = 'running')`
  return tx`recursive lane as (
    (select priority, namespace_key from build where state = 'queued' order by priority, namespace_key limit 1)
    union all
    select next.* from lane, lateral (
      select priority, namespace_key from build
      where state = 'queued' and (priority, namespace_key) > (lane.priority, lane.namespace_key)
      order by priority, namespace_key limit 1) next
  ), share as (
    select * from unnest(${names}::text[], ${most}::text[]::int[], ${open}::text[]::bool[]) as share (namespace_key, most, open)
  ), running as (
    select namespace_key, count(*) as number from build where state = 'running' group by namespace_key
  ), ranked as (
    select lane.*, coalesce(running.number, 0) as running, coalesce(share.most, ${general}::int, 2147483647) as most,
      coalesce(share.open, ${openByDefault(d)}) and not exists (select from pause where scope in ('*', lane.namespace_key)) as automatic,
      coalesce(served.at, '-infinity') as served
    from lane
    left join running using (namespace_key)
    left join share using (namespace_key)
    cross join lateral (select max(started_at) as at from build where namespace_key = lane.namespace_key) served
    where coalesce(running.number, 0) < coalesce(share.most, ${general}::int, 2147483647)
    order by lane.priority, running, served, lane.namespace_key
  ), fair as (
    -- "limit 1" keeps this a look into the index for each, and only for as many as are wanted: as a join it would read all that is queued
    select ranked.* from ranked cross join lateral (${eligible(tx`ranked`)} limit 1) one
    order by priority, running, served, namespace_key
    limit ${number + spare + 1}
  ), queued as (
    select id, row_number() over (order by priority, running + place,
      case when place = 1 then served else 'infinity' end, namespace_key) as turn
    from (select fair.*, first.id, row_number() over (partition by fair.namespace_key order by fair.priority, first.created_at, first.id) as place
      from fair
      cross join lateral (
        select id, created_at from (${eligible(tx`fair`)}) own
        order by created_at, id limit ${number + 1}) first) placed
    where running + place <= most
  ), due as (
    select id, state, case when deaths = 0 or lease_until < clock_timestamp() - interval '2 minutes' then 0 else ${last} end as turn from build
    where state = 'running' and ${isLeft(tx)} and build.id::text <> all(${[...own]}::text[]) and ${mine}
    union all select id, 'queued'::build_state, turn from queued
  )`
}

/** What the configuration says of single namespaces: how many at once (null: as all), and whether automatic builds may start now. */
function shares({ config: { builds }, clock }: Pick<Deps, 'config' | 'clock'>) {
  const said = Object.entries(builds.namespaces)
  return {
    names: said.map(([name]) => name),
    // as text: the driver knows arrays of texts and no others
    most: said.map(([, { atOnce }]) => (atOnce === undefined ? null : String(atOnce))),
    open: said.map(([name]) => String(mayStart(name, clock(), { pauses: [], builds }).start)),
  }
}

/** The same for the namespaces of which it says nothing. */
const openByDefault = ({ config, clock }: Pick<Deps, 'config' | 'clock'>): boolean =>
  mayStart('', clock(), { pauses: [], builds: { windows: config.builds.windows, namespaces: {} } }).start
