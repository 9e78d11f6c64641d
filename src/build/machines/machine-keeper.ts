/**
 * in: the rows of this store's machines, called every second or so. out: pools filled; machines removed that nobody may use any more.
 * guarantees: a turn waits for no cloud: what takes long goes on beside it, each machine in one hand; only machines of this
 * installation are touched; what cannot be removed is tried again for ever, and told as an error.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BuildError, BuildStop } from '../build-error.ts'
import { backOffMs } from './create-failure.ts'
import { isOurs } from './machine-name.ts'
import { type MachineDeps, type MachinePark, parkOf } from './machine-park.ts'
import { makeMachine } from './make-machine.ts'
import type { NamedProfile } from './profile.ts'
import { removeMachine } from './remove-machine.ts'
import { retire } from './retire.ts'
import { abandoned, adoptOrphans, machinesOf, renewReady, reserveForPool } from './rows.ts'

/** `settled`: what goes on beside the turns has ended. `close`: ends it; what is half done then is the next process's. */
export type MachineKeeper = { turn: () => Promise<void>; settled: () => Promise<void>; close: () => Promise<void> }

const [removalsAtOnce, creationsAtOnce] = [8, 4]
const closeMs = 5000
const listEveryMs = 60_000
const alarmEveryMs = 600_000
/** Milliseconds; `silence`: how long a lease must be seen to be over, so that after an outage of the database the living can renew theirs. */
const usualPauses = { failure: 5000, quota: 60_000, longest: 600_000, silence: 8000 }

export function machineKeeper(d: MachineDeps, pauses = usualPauses): MachineKeeper {
  const open = parkOf(d)
  const stop = new AbortController()
  const removing = new Map<string, Promise<void>>()
  const making = new Map<string, Promise<void>>()
  const troubles = new Map<string, { failures: number; until: number }>()
  /** since when the lease of a machine is seen to be over, turn after turn */
  let silent = new Map<string, number>()
  let [listedAt, alarmedAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]

  const beside = (all: Map<string, Promise<void>>, name: string, work: () => Promise<void>) => {
    const ended = work()
      .catch((error: unknown) => d.log.warn({ err: error, machine: name }, 'the care for a machine failed'))
      .finally(() => all.delete(name))
    all.set(name, ended)
  }

  async function reap(park: MachinePark): Promise<void> {
    const due = retire(await machinesOf(d.sql, park.owner), d.config.machines)
    const died = due.filter(({ because }) => because === 'owner-died')
    silent = new Map(died.map(({ name }) => [name, silent.get(name) ?? performance.now()]))
    for (const { name, because } of due) {
      if (performance.now() - (silent.get(name) ?? Number.NEGATIVE_INFINITY) < pauses.silence) continue
      if (removing.has(name) || removing.size >= removalsAtOnce) continue
      if (because !== 'again') d.log.info({ machine: name, because }, 'a machine is removed')
      beside(removing, name, async () => void (await removeMachine(d, park.cli, name)))
    }
  }

  /** Machines that docker-machine knows, of ours by their name, and without a row. The list is asked for before the rows. */
  async function adopt(park: MachinePark): Promise<void> {
    if (performance.now() - listedAt < listEveryMs) return
    listedAt = performance.now()
    const listed = (await park.cli.list(stop.signal)).filter((name) => isOurs(park.installation, name))
    for (const { name } of await adoptOrphans(d.sql, listed, park.owner))
      d.log.warn({ machine: name }, 'a machine that nothing was known of is removed')
  }

  async function fill(park: MachinePark): Promise<void> {
    for (const [name, profile] of Object.entries(d.config.machines.profiles)) {
      if (performance.now() < (troubles.get(name)?.until ?? 0)) continue
      while (making.size < creationsAtOnce) {
        const wanted = { name: park.newName(), profile: name, driver: profile.driver, owner: park.owner }
        if (!(await reserveForPool(d.sql, wanted, profile.pool, d.config.machines.most))) break
        beside(making, wanted.name, () => make(park, wanted.name, { ...profile, name }))
      }
    }
  }

  async function make(park: MachinePark, name: string, profile: NamedProfile): Promise<void> {
    const limit = AbortSignal.timeout(d.config.builds.timeouts.host * 1000)
    try {
      await makeMachine(d, park.cli, name, profile, AbortSignal.any([stop.signal, limit]), () => undefined)
      troubles.delete(profile.name)
    } catch (error) {
      if (!stop.signal.aborted) note(profile.name, error)
      await removeMachine(d, park.cli, name)
    }
  }

  function note(profile: string, error: unknown): void {
    const failures = (troubles.get(profile)?.failures ?? 0) + 1
    const first = error instanceof BuildError && error.code === 'machine-quota' ? pauses.quota : pauses.failure
    troubles.set(profile, { failures, until: performance.now() + backOffMs(failures, first, pauses.longest) })
    const level = failures % d.config.machines.tries === 0 ? 'error' : 'warn'
    d.log[level]({ err: error, profile, failures }, 'no machine could be made for the pool')
  }

  async function alarm(park: MachinePark): Promise<void> {
    if (performance.now() - alarmedAt < alarmEveryMs) return
    alarmedAt = performance.now()
    for (const { name, owner } of await abandoned(d.sql, park.owner))
      d.log.error(
        { machine: name, store: owner },
        'nobody answers for a machine: no process has the directory it is known in',
      )
  }

  async function turn(): Promise<void> {
    const park = await open()
    await reap(park)
    await renewReady(d.sql, park.owner)
    await fill(park)
    await alarm(park)
    await adopt(park)
  }

  return {
    async turn() {
      if (stop.signal.aborted) return
      await turn().catch((error: unknown) => {
        silent = new Map()
        throw error
      })
    },
    async settled() {
      while (removing.size + making.size > 0) await Promise.all([...removing.values(), ...making.values()])
    },
    async close() {
      stop.abort(new BuildStop('shutting-down'))
      await Promise.race([
        Promise.all([...removing.values(), ...making.values()]),
        delay(closeMs, undefined, { ref: false }),
      ])
    },
  }
}
