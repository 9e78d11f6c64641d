/**
 * in: a build that needs a host. out: one brand-new machine with a Docker daemon, used by that build alone.
 * guarantees: a row tells of the machine before it is made and until it is gone; nobody uses it a second time; a build has one at a
 * time; whoever dies, the keeper (machine-keeper.ts) removes it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { BuildError } from '../build-error.ts'
import type { BuilderContext, BuildJob } from '../builders/builder.ts'
import type { DockerEndpoint, DockerHosts } from '../builders/docker-hosts.ts'
import { shareOf } from '../namespace-key.ts'
import { backOffMs } from './create-failure.ts'
import { held } from './held.ts'
import { type MachineDeps, type MachinePark, parkOf } from './machine-park.ts'
import { makeMachine } from './make-machine.ts'
import { type NamedProfile, profileFor } from './profile.ts'
import { claimRemoval, type Removal, removeClaimed } from './remove-machine.ts'
import { readySeconds } from './retire.ts'
import { askForRoom, leaveToOwner, reserveForBuild, reserveInstead, takeReady } from './rows.ts'

/** Milliseconds: between two looks for a free place, the first wait after a failure, one after a quota, and the longest of all. */
export type Pauses = { look: number; failure: number; quota: number; longest: number; removal: number }
const usualPauses: Pauses = { look: 1000, failure: 5000, quota: 15_000, longest: 60_000, removal: 4000 }

type Asked = { park: MachinePark; job: BuildJob; context: BuilderContext; profile: NamedProfile; signal: AbortSignal }
type Found = { endpoint: DockerEndpoint; name: string; seconds: number }

export function machineHosts(d: MachineDeps & Pick<Deps, 'config'>, pauses: Pauses = usualPauses): DockerHosts {
  const open = parkOf(d)
  /** by build: removals that were begun and may not have ended */
  const removals = new Map<string, Promise<Removal>[]>()

  /** Takes it from whoever has it, and lets the removal go on: the row is there for whoever must finish it. */
  async function beginRemoval(
    park: MachinePark,
    buildId: string,
    name: string,
  ): Promise<{ removal: Promise<Removal> }> {
    const claimed = await claimRemoval(d.sql, name)
    const removal = removeClaimed(d, park.cli, name, claimed).catch((error: unknown): Removal => {
      d.log.warn({ err: error, machine: name }, 'a machine could not be removed now; the keeper will')
      return { left: text(error) }
    })
    removals.set(buildId, [...(removals.get(buildId) ?? []), removal])
    return { removal }
  }

  /** A machine that is of no use to its build. Only when this has ended may the build have another: it has one at a time. */
  async function giveBack({ park, job, signal }: Asked, name: string): Promise<void> {
    await beginRemoval(park, job.id, name).catch((error: unknown) => {
      signal.throwIfAborted() // whoever ends the build gives its machine back once more
      throw error
    })
    signal.throwIfAborted()
  }

  /** One that stands ready; it is asked whether it still answers. */
  async function ready(asked: Asked): Promise<Found | 'broken' | null> {
    const { park, job, context, profile, signal } = asked
    const wanted = { profile: profile.name, driver: profile.driver, owner: park.owner }
    const name = await takeReady(d.sql, wanted, job.id, readySeconds(d.config.machines.minutes))
    if (name === null) return null
    try {
      return { endpoint: { env: await park.cli.endpoint(name, signal) }, name, seconds: 0 }
    } catch (error) {
      await giveBack(asked, name)
      context.log.write(`[machine ${name} stood ready and does not answer: ${text(error)}]\n`)
      return 'broken'
    }
  }

  /** The name of a machine that may be made now; null while there is no room. */
  async function room({ park, job, profile, signal }: Asked): Promise<string | null> {
    const wanted = { name: park.newName(), profile: profile.name, driver: profile.driver, owner: park.owner }
    if (await reserveForBuild(d.sql, wanted, job.id, d.config.machines.most)) return wanted.name
    const victim = await reserveInstead(d.sql, wanted, job.id)
    if (victim === null) {
      await askForRoom(d.sql, wanted)
      return null
    }
    const removal = await held(d, wanted.name, 'creating', signal, async () => {
      const begun = await beginRemoval(park, job.id, victim)
      return begun.removal
    })
    if (removal === 'gone') return wanted.name
    await d.sql`delete from machine where name = ${wanted.name} and state = 'creating'` // nothing was made for it
    return null
  }

  async function made(asked: Asked, name: string): Promise<Found | BuildError> {
    const { park, context, profile, signal } = asked
    context.log.write(`[making machine ${name} with ${profile.driver}]\n`)
    const show = (output: string) => context.log.write(output)
    try {
      const { endpoint, seconds } = await makeMachine(d, park.cli, name, profile, signal, show)
      return { endpoint: { env: endpoint }, name, seconds: Math.round(seconds * 10) / 10 }
    } catch (error) {
      await giveBack(asked, name)
      if (error instanceof BuildError) return error
      throw error
    }
  }

  async function find(asked: Asked): Promise<Found> {
    const { context, signal } = asked
    let [failures, waits, told] = [0, 0, '']
    const tell = (line: string) => {
      if (line !== told) context.log.write(`[${line}]\n`)
      told = line
    }
    for (;;) {
      signal.throwIfAborted()
      const found = await ready(asked)
      if (found === 'broken') continue
      if (found) return found
      const name = await room(asked)
      if (name === null) {
        tell(`${d.config.machines.most} machines are there, which is the most: waiting for one to go`)
        await pause(pauses.look, signal)
        continue
      }
      const result = await made(asked, name)
      if (!(result instanceof BuildError)) return result
      if (!result.retryable) throw result
      if (result.code === 'machine-quota') {
        tell(`the cloud gives no more machines now, which is waited out: ${result.message}`)
        await pause(backOffMs(++waits, pauses.quota, pauses.longest), signal)
        continue
      }
      if (++failures >= d.config.machines.tries) throw result
      tell(`try ${failures} of ${d.config.machines.tries}: ${result.message}`)
      await pause(backOffMs(failures, pauses.failure, pauses.longest), signal)
    }
  }

  return {
    name: 'docker-machine',
    isShared: false,
    async acquire(job, context, signal) {
      const { machines } = d.config
      const profile = profileFor(machines, job.recipe.machine, shareOf(d, job.target))
      if (!profile) {
        const asked = job.recipe.machine ?? 'default'
        throw new BuildError('machine-profile', `no machine profile ${asked} is configured here`)
      }
      const asked = { park: await open(), job, context, profile, signal }
      const { endpoint, name, seconds } = await find(asked)
      await context.host({ name, driver: profile.driver, provisionSeconds: seconds })
      context.log.write(
        `[on machine ${name}, ${profile.driver}, ${seconds === 0 ? 'which stood ready' : `made in ${seconds} s`}]\n`,
      )
      return endpoint
    },
    async release(buildId) {
      const park = await open()
      const rows = await d.sql<{ name: string; owner: string }[]>`
        select name, owner from machine where build_id::text = ${buildId}`
      for (const { name, owner } of rows)
        if (owner === park.owner) await beginRemoval(park, buildId, name)
        else await leaveToOwner(d.sql, name)
      const begun = removals.get(buildId) ?? []
      removals.delete(buildId)
      // A cloud may take minutes: neither a cancel nor the next build waits for it.
      const ended = await Promise.race([Promise.all(begun), delay(pauses.removal, [] as Removal[], { ref: false })])
      const left = ended.flatMap((removal) => (typeof removal === 'string' ? [] : [removal.left]))
      if (left.length > 0)
        throw new BuildError('machine-left', `a machine is not gone yet, and will be tried again: ${left.join('; ')}`)
    },
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted())

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))
