/*
 * In: a configured registry.
 * Out: facts for every tag that is elsewhere than we knew, or gone; the differences.
 * Guarantees: repairs lost events; deletes only on two answers, never on an error; running it again changes nothing; an interrupted
 * pass goes on where it was.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import { betweenAnswers, type Difference } from '../ingest/sight-tag.ts'
import { believeGone } from './believe-gone.ts'
import { type Comparing, compareRepository, confirmGone, guarded } from './compare-repository.ts'
import { knownRepositories } from './known-tags.ts'
import { beginPass, endPass, makeProgress, type PassState } from './pass.ts'
import { registryId } from './registry-id.ts'

/** Repositories compared at once; the client limits the requests of all of them together. */
const repositoriesAtOnce = 4

/** Any number, the same in every process: with a registry's id, the advisory lock that makes its passes follow one another. */
const passLock = 7_233_006

/** Milliseconds between two tries for that lock. */
const betweenTries = 250

/** `differences`: the first of them. `first`: the first whole pass; what the tags were before it is not known. */
export type Reconciled = { compared: number; differed: number; differences: Difference[]; first: boolean }

/**
 * `resume`: go on with a pass that was interrupted. `keep`: differences to answer with. `between`: milliseconds between two answers that
 * a tag is gone.
 */
export type Wanted = { registry: string; dryRun?: boolean; resume?: boolean; keep?: number; between?: number }

type Needs = Pick<Deps, 'sql' | 'jobs' | 'registries' | 'log' | 'clock'>

/**
 * Compares a registry with what is known of it: catalog → tags → HEAD, or GET of what is new. Some repositories' tags at a time are
 * held in memory. What fails is passed over and the rest still compared; then the first error is kept with the registry and thrown.
 */
export async function reconcile(d: Needs, wanted: Wanted): Promise<Reconciled> {
  const { registry, dryRun = false, resume = false, keep = 0, between = betweenAnswers } = wanted
  const host = d.registries.canonicalHost(registry)
  const client = d.registries.byName(host)
  if (!client) throw new ReconcileError(`no registry ${registry} is configured`, false)
  const id = await registryId(d.sql, host)
  const log = d.log.child({ registry: host })
  const work = async (): Promise<Reconciled> => {
    const state = await beginPass(d.sql, id, d.clock(), { resume, dryRun })
    const note = dryRun ? async () => {} : makeProgress({ ...d, log }, id, state)
    const sourceId = `reconcile:${randomUUID()}`
    const c: Comparing = {
      ...{ d: { ...d, log }, client, registryId: id, host, dryRun, sourceId, keep, note },
      ...{ tally: state.tally, suspects: new Map(), failed: false },
    }
    const whole = await compareAll(c, state)
    if (whole && c.suspects.size > 0) await settleSuspects(c, between)
    if (!dryRun) await endPass(d.sql, id, state, d.clock())
    const { compared, differed, differences, errors, firstError } = state.tally
    if (firstError) throw new ReconcileError(`${registry}: ${errors} could not be compared`, true, firstError)
    if (state.first && !dryRun)
      log.info({ compared }, 'compared with the registry for the first time: what its tags were before is not known')
    return { compared, differed, differences, first: state.first }
  }
  return dryRun ? work() : oneAtATime(d, id, work)
}

/** All the registry lists, then what it does not list and we know. False where it could not be listed: then nothing counts as gone. */
async function compareAll(c: Comparing, { startedAt, resumed }: PassState): Promise<boolean> {
  const done = resumed ? await comparedSince(c, startedAt) : new Set<string>()
  const seen = new Set<string>()
  const running = new Set<Promise<void>>()
  const start = async (repository: string) => {
    if (seen.has(repository) || done.has(repository)) return
    seen.add(repository)
    const one = compareOne(c, repository, startedAt).finally(() => running.delete(one))
    running.add(one)
    if (running.size >= repositoriesAtOnce) await Promise.race(running)
  }
  const listed = await guarded(c, async () => {
    for await (const repository of c.client.listRepositories()) await start(repository)
    return true
  })
  for await (const repository of knownRepositories(c.d.sql, c.registryId)) await start(repository)
  await Promise.all(running)
  return listed !== null
}

/** What seemed gone is asked for again, after a while; unless it is most of all there is, which is believed by a later pass only. */
async function settleSuspects(c: Comparing, between: number): Promise<void> {
  const count = [...c.suspects.values()].reduce((sum, tags) => sum + tags.length, 0)
  await guarded(c, async () => {
    await believeGone(c, count)
    await pause(between)
    for (const [repository, tags] of c.suspects)
      await guarded(c, async () => {
        await confirmGone(c, repository, tags)
        return null
      })
    return null
  })
}

async function compareOne(pass: Comparing, repository: string, startedAt: Date): Promise<void> {
  const c = { ...pass, failed: false }
  await guarded(c, async () => {
    await compareRepository(c, repository)
    if (!c.dryRun && !c.failed && !c.suspects.has(repository))
      await c.d.sql`
        update repository set compared_at = ${startedAt} where registry_id = ${c.registryId} and name = ${repository}`
    return null
  })
}

const comparedSince = async (c: Comparing, startedAt: Date): Promise<Set<string>> =>
  new Set(
    (
      await c.d.sql<{ name: string }[]>`
        select name from repository where registry_id = ${c.registryId} and compared_at = ${startedAt}`
    ).map((row) => row.name),
  )

/**
 * On a session of its own: a pass may take hours, and no transaction should. Who waits holds no session meanwhile, so that however many
 * wait, the pass they wait for has some to work with.
 */
async function oneAtATime<T>({ sql }: Pick<Deps, 'sql'>, id: number, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const session = await sql.reserve()
    try {
      const [row] = await session<{ held: boolean }[]>`select pg_try_advisory_lock(${passLock}, ${id}) as held`
      if (row!.held)
        try {
          return await work()
        } finally {
          await session`select pg_advisory_unlock(${passLock}, ${id})`
        }
    } finally {
      session.release()
    }
    await pause(betweenTries)
  }
}

/** A pass that is not whole. `cause`: the first of what went wrong. */
class ReconcileError extends Error {
  readonly code = 'reconcile-failed'
  readonly retryable: boolean
  constructor(message: string, retryable: boolean, cause?: Error) {
    super(cause ? `${message}: ${cause.message}` : message, { cause })
    this.retryable = retryable
  }
}
