/**
 * in: a name and what to do with that machine. out: the docker-machine command run, and what it said, read strictly.
 * guarantees: no shell; no secret of a driver in what it passes on; a machine that does not answer over TLS is an error; what the cloud
 * makes is never cut off from its name there (creation.ts), nor forgotten while it may be there (forget.ts).
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineProfile } from '../../build-settings.ts'
import { BuildError } from '../build-error.ts'
import { makeMask } from '../mask.ts'
import { type Ran, runProcess } from '../run-process.ts'
import { createFailure } from './create-failure.ts'
import { endCreation, follow, stageOf } from './creation.ts'
import { driverSecrets } from './driver-secrets.ts'
import { endpointOf } from './endpoint-of.ts'
import { firstAlone, type Starting } from './first-alone.ts'
import { mayForget } from './forget.ts'
import { ifAbsent } from './if-absent.ts'
import { configState, restoreConfig } from './machine-files.ts'
import { createArgs } from './profile.ts'
import type { MachineEndpoint } from './read-endpoint.ts'
import { checkRoom, checkStore, usable } from './store.ts'

/** gone: nobody knows it any more; `cutOff`: but the cloud may have made it, and nobody was told its name there. left: why not. */
export type Removed = { gone: true; cutOff: boolean } | { gone: false; left: string }

export type MachineCli = {
  /**
   * Errors: `machine-quota` (wait), `machine-settings` (no use to try again), `machine-failed`, `machine-store`. Where `signal` aborts, the
   * creation may go on until `remove`.
   */
  create: (
    name: string,
    profile: MachineProfile,
    signal: AbortSignal,
    onOutput: (text: string) => void,
  ) => Promise<void>
  /** Where its daemon answers, tried. Error: `machine-unreachable` */
  endpoint: (name: string, signal: AbortSignal) => Promise<MachineEndpoint>
  /** `whole`: it came to be once. `tries`: removals that failed before. Error: `machine-store` */
  remove: (name: string, before: { whole: boolean; tries: number }, signal: AbortSignal) => Promise<Removed>
  /** Every machine that it knows, also half made. Error: `machine-store` */
  list: (signal: AbortSignal) => Promise<string[]>
}

/** `env` has MACHINE_STORAGE_PATH, which is `store`. `longestMs`: a creation that has run for longer is ended, whatever it is at. */
export type CliOptions = Starting & { insecure: readonly string[]; options: readonly string[]; longestMs?: number }

const askMs = 60_000
const longestCreationMs = 1_800_000

export function machineCli(cli: CliOptions): MachineCli {
  const { command, env, store, insecure, options, longestMs = longestCreationMs } = cli
  const notesOf = (name: string) => join(store.path, 'drydock', name)
  const secrets = driverSecrets(options, env)
  const failed = (what: string) => new BuildError('machine-command', `${command} ${what}`, { retryable: true })
  /** What it said last, for people. */
  const words = (ran: Ran): string => {
    const mask = maskOf(secrets)
    const lines = mask.whole(ran.stderr.trim() || ran.stdout.trim()).split('\n')
    return lines.slice(-3).join(' ').slice(-600) || `${command} exited with ${ran.code}`
  }
  const run = (args: readonly string[], signal: AbortSignal): Promise<Ran> => runProcess(command, args, { env, signal })
  const ask = async (args: readonly string[], signal: AbortSignal): Promise<Ran> => {
    const limit = AbortSignal.timeout(askMs)
    return run(args, AbortSignal.any([signal, limit])).catch((error: unknown) => {
      throw limit.aborted && !signal.aborted ? failed(`${args[0]}: no answer in ${askMs / 1000} s`) : error
    })
  }

  const list = async (signal: AbortSignal): Promise<string[]> => {
    const ran = await ask(['ls', '-q'], signal)
    if (ran.code !== 0) throw failed(`ls: ${words(ran)}`)
    // ls leaves out what it cannot read, half of a machine that was killed early: its directory is there
    const known = await readdir(join(store.path, 'machines')).catch(ifAbsent<string[]>([]))
    await checkStore(store)
    return [...new Set([...ran.stdout.split('\n').map((line) => line.trim()), ...known])].filter((name) => name !== '')
  }

  return {
    list,
    async create(name, profile, signal, onOutput) {
      await checkRoom(store)
      const args = createArgs(profile, insecure, name)
      const creation = await usable(store.path, () => firstAlone(cli, args, notesOf(name), signal))
      const mask = maskOf(secrets)
      const show = (text: string) => text && onOutput(text)
      const ran = await follow(creation, signal, (text) => show(mask.feed(text))).finally(() => show(mask.end()))
      if (ran.code === 0) return
      const kind = createFailure(`${ran.stdout}\n${ran.stderr}`)
      const code = kind === 'quota' ? 'machine-quota' : kind === 'settings' ? 'machine-settings' : 'machine-failed'
      throw new BuildError(code, `no machine was made: ${words(ran)}`, { retryable: kind !== 'settings' })
    },
    endpoint: (name, signal) => endpointOf({ name, notes: notesOf(name), ask, words }, signal),
    async remove(name, { whole, tries }, signal) {
      await checkStore(store)
      const [notes, dir] = [notesOf(name), join(store.path, 'machines', name)]
      await endCreation(notes, longestMs, signal)
      await restoreConfig(dir)
      const stage = await stageOf(notes)
      const ran = await run(['rm', '-y', name], signal)
      // Whatever it says, and however it exits: gone is what is not listed any more.
      if ((await list(signal)).includes(name)) {
        const config = await configState(dir)
        const noted = stage === 'noted'
        if (!mayForget({ config, whole, noted, tries, said: `${ran.stdout}\n${ran.stderr}` }))
          return { gone: false, left: words(ran) }
        const forced = await run(['rm', '-y', '-f', name], signal)
        if ((await list(signal)).includes(name)) return { gone: false, left: words(forced) }
      }
      await rm(notes, { recursive: true, force: true })
      return { gone: true, cutOff: !whole && (stage === 'asked' || stage === 'lost') }
    },
  }
}

const maskOf = (secrets: readonly string[]) => {
  const mask = makeMask()
  for (const secret of secrets) mask.add(secret)
  return mask
}
