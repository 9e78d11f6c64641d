/**
 * in: builds that are queued, or that run without a live worker. out: the one whose turn it is, claimed.
 * guarantees: exactly one claimer gets it; a dead worker's build comes first, then whoever somebody waits for, then the namespace that has
 * the fewest running and was served longest ago; limits, pauses and windows hold over all processes of one database.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { mayStart } from '../pause/may-start.ts'
import { type Claim, type ClaimRow, claimOf, leaseSeconds } from './claim.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config'>

/** any: all there is. light: what needs no host of a builder's: rebases, and with a build service elsewhere all of our own. */
export type Takes = 'any' | 'light'

/** `more`: another one may be due as well, so that another worker should look. */
export type NextBuild = { claim: Claim; more: boolean }

/** Any number, the same in every process: claims are made one after another, so that each sees how many are running. */
const claimLock = 7_233_005

export async function claimNext(d: Needs, takes: Takes): Promise<NextBuild | null> {
  const [, [row]] = await d.sql.begin((tx) => [
    tx`select pg_advisory_xact_lock(${claimLock}), set_config('synchronous_commit', 'off', true)`,
    // What PostgreSQL may forget of this in a crash of its own, a worker finds out before it pushes: its next write names the token.
    tx<(ClaimRow & { more: boolean })[]>`
      with ${due(d, tx, takes)}, chosen as (
        select build.id, build.state from due join build on build.id = due.id and build.state = due.state
        order by due.turn limit 1 for update of build skip locked)
      update build set state = 'running', claim_token = gen_random_uuid(), started_at = coalesce(build.started_at, ${d.clock()}),
        lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second'
      from chosen where build.id = chosen.id
      returning build.id, build.ref, build.claim_token as token, chosen.state as previous, build.recipe::text as recipe,
        build.reason::text as reason, build.steps::text as steps, build.bases::text as bases, build.commit, build.job::text as job,
        (select count(*) > 1 from due) as more`,
  ])
  return row ? { claim: claimOf(row), more: row.more } : null
}

/** Whether a build is due that no worker has. */
export async function isBuildDue(d: Needs, takes: Takes): Promise<boolean> {
  const [found] = await d.sql<{ is: boolean }[]>`with ${due(d, d.sql, takes)} select exists (select from due) as is`
  return found?.is === true
}

/**
 * `due (id, state, turn)`: what may be claimed now, at most two of a namespace and priority. The namespaces that have something queued
 * are found by jumping along the index build_queued_turn, so that it costs the same with ten builds queued as with ten thousand.
 */
const due = (d: Needs, tx: Tx, takes: Takes) => {
  const { names, most, open } = shares(d)
  const general = d.config.builds.perNamespace ?? null
  const light = takes === 'light'
  const all = d.config.builder === 'remote'
  const mine = tx`(not ${light} or build.job is null and (${all} or build.recipe->>'strategy' = 'rebase'))`
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
  ), queued as (
    select first.id, row_number() over (order by lane.priority, coalesce(running.number, 0), served.at nulls first, lane.namespace_key, first.place) as turn
    from lane
    left join running using (namespace_key)
    left join share using (namespace_key)
    cross join lateral (select max(started_at) as at from build where namespace_key = lane.namespace_key) served
    cross join lateral (
      select coalesce(share.open, ${openByDefault(d)})
        and not exists (select from pause where scope in ('*', lane.namespace_key)) as automatic) allowed
    cross join lateral (
      select id, row_number() over (order by created_at, id) as place from build
      where state = 'queued' and priority = lane.priority and namespace_key = lane.namespace_key
        and (allowed.automatic or not build.automatic) and ${mine}
        and not exists (select from build other where other.ref = build.ref and other.state = 'running')
      order by created_at, id limit 2) first
    where coalesce(running.number, 0) < coalesce(share.most, ${general}::int, 2147483647)
  ), due as (
    select id, state, 0 as turn from build
    where state = 'running' and (lease_until is null or lease_until < clock_timestamp()) and ${mine}
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
