/*
 * In: a host that sends us nothing, and the tags there that somebody is based on (`watch`).
 * Out: facts wherever such a tag has moved, come or gone, exactly as reconcile saves them; when each is asked next.
 * Guarantees: one poll a tag however many are based on it; one process at a time asks a host, within its budget and never before it
 * wants to be asked again; what fails is kept with the row and changes nothing of what is known.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import type { Difference } from '../ingest/sight-tag.ts'
import { parseReference } from '../oci/reference.ts'
import type { OutsideRegistry, RegistryClient } from '../registry/registries.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { askTag } from './ask-tag.ts'
import { forgetHost } from './forget-host.ts'
import { type HostMeter, makeMeter } from './meter.ts'
import { answered, dropUnused, dueRows, failed, postponeDue, type WatchRow } from './rows.ts'

export type WatchNeeds = Pick<Deps, 'sql' | 'jobs' | 'registries' | 'config' | 'log' | 'clock'>

/** `all`: whether due or not. `wait`: for whoever asks the host at the moment, instead of leaving it to them. */
type Options = { all: boolean; dryRun: boolean; wait: boolean }

type Run = {
  d: WatchNeeds
  host: string
  registryId: number
  client: RegistryClient
  meter: HostMeter
  options: Options
  sourceId: string
  found: Difference[]
  asked: string[]
}

/** First of the two keys of the advisory lock that a host is asked under; the second is its name's hash. */
const watchLock = 7_233_013
/** Seconds until a host is tried again that another process was asking. */
const busyPause = 10
/** Milliseconds between two tries for the lock. */
const betweenTries = 250
const batchSize = 50
/** Failures one after another after which a host counts as not answering. */
const enough = 3

/** The job: asks what is due, and sees to its own next run. */
export async function watch(d: WatchNeeds, { host }: { host: string }): Promise<void> {
  const found = await watchHost(d, host, { all: false, dryRun: false, wait: false })
  if (found === 'busy') await scheduleNext(d, host, new Date(d.clock().getTime() + busyPause * 1000))
}

/** Asks a host. `busy`: another process does so. */
export async function watchHost(d: WatchNeeds, host: string, options: Options): Promise<Difference[] | 'busy'> {
  const outside = d.registries.outside(host)
  if (!outside) {
    await d.sql.begin((tx) => forgetHost(d, tx, host))
    return []
  }
  for (;;) {
    const found = await d.sql.begin(async (lock) => {
      const [row] = await lock<
        { held: boolean }[]
      >`select pg_try_advisory_xact_lock(${watchLock}, hashtext(${host})) as held`
      return row!.held ? askHost(d, outside, options) : ('busy' as const)
    })
    // who waits holds no connection meanwhile: the run that is waited for needs some
    if (found !== 'busy' || !options.wait) return found
    await pause(betweenTries)
  }
}

async function askHost(d: WatchNeeds, outside: OutsideRegistry, options: Options): Promise<Difference[]> {
  const host = outside.name
  const registry = await outsideRow(d, host)
  if (registry.pausedUntil && registry.pausedUntil > d.clock()) {
    await scheduleNext(d, host, registry.pausedUntil)
    return []
  }
  const meter = makeMeter(d.clock, outside.perMinute, registry.spentUntil)
  const client = outside.open(meter)
  const sourceId = `watch:${randomUUID()}`
  const run: Run = { d, host, registryId: registry.id, client, meter, options, sourceId, found: [], asked: [] }
  try {
    await askDue(run)
  } finally {
    client.close()
    await d.sql`
      update registry set paused_until = ${meter.pausedUntil()}::timestamptz, spent_until = ${meter.spentUntil()}::timestamptz
      where id = ${registry.id}`
  }
  await scheduleNext(d, host, laterOf(meter.pausedUntil(), meter.ready() ? null : meter.spentUntil()))
  return run.found
}

/** Row by row, until nothing is due, the budget is spent, or the host wants to be left alone or does not answer. */
async function askDue(run: Run): Promise<void> {
  const { d, host, options, meter } = run
  let failures = 0
  for (;;) {
    const batch = await dueRows(d, host, { all: options.all, except: run.asked, limit: batchSize })
    if (batch.length === 0) return
    for (const row of batch) {
      if (!meter.ready()) return
      run.asked.push(row.ref)
      const error = await askRow(run, row)
      failures = error === null ? 0 : failures + 1
      if (error === null || failures < enough || options.dryRun) continue
      await postponeDue(d, host, error)
      return
    }
  }
}

/** The error, where it is one that may be the host's. */
async function askRow(run: Run, row: WatchRow): Promise<string | null> {
  const { d, host, options, meter } = run
  const reference = parseReference(row.ref)
  if (!reference || reference.tag === null || (!options.dryRun && (await dropUnused(d, row.ref)))) return null
  const name = { registryId: run.registryId, host, repository: reference.repository, tag: reference.tag }
  try {
    const difference = await askTag(d, run.client, name, { sourceId: run.sourceId, dryRun: options.dryRun })
    if (difference) run.found.push(difference)
    if (!options.dryRun) await answered(d, row.ref)
    return null
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    const said = `${error.code}: ${error.message}`
    d.log.warn({ err: error, ref: row.ref }, 'watch: a base outside could not be asked for')
    const { retryable } = error
    if (!options.dryRun) await failed(d, row, { error: said, retryable, until: meter.pausedUntil() })
    return retryable ? said : null
  }
}

async function outsideRow(d: Pick<Deps, 'sql'>, host: string) {
  await d.sql`insert into registry (name, outside) values (${host}, true) on conflict (name) do nothing`
  const [row] = await d.sql<{ id: number; pausedUntil: Date | null; spentUntil: Date | null }[]>`
    select id, paused_until, spent_until from registry where name = ${host}`
  return row!
}

/**
 * Another run when the next tag is due, `notBefore` at the earliest. A key of its own: what is wanted at once (`watch:HOST`) must not
 * be put off by it.
 */
async function scheduleNext(d: WatchNeeds, host: string, notBefore: Date | null): Promise<void> {
  const [row] = await d.sql<{ next: Date | null }[]>`select min(next_at) as next from watch where host = ${host}`
  if (!row?.next) return
  const runAt = laterOf(row.next, notBefore) ?? row.next
  await d.jobs.enqueue(d.sql, 'watch', { host }, { key: `watch-next:${host}`, queue: `watch:${host}`, runAt })
}

const laterOf = (a: Date | null, b: Date | null): Date | null => (a && b ? (a > b ? a : b) : (a ?? b))
