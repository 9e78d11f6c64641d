/**
 * in: a name and what to do with that machine. out: the docker-machine command run, and what it said, read strictly.
 * guarantees: no shell; no secret of a driver in what it passes on; a machine that does not answer over TLS is an error.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineProfile } from '../../build-settings.ts'
import { BuildError } from '../build-error.ts'
import { makeMask } from '../mask.ts'
import { endOrphans } from '../orphans.ts'
import { type Ran, runProcess } from '../run-process.ts'
import { askDaemon, hasCertificates } from './ask-daemon.ts'
import { createFailure } from './create-failure.ts'
import { driverSecrets } from './driver-secrets.ts'
import { createArgs } from './profile.ts'
import { type MachineEndpoint, readCertDir, readConfig, readEnv } from './read-endpoint.ts'

export type MachineCli = {
  /** Errors: `machine-quota` (wait), `machine-settings` (no use to try again), `machine-failed` */
  create: (
    name: string,
    profile: MachineProfile,
    signal: AbortSignal,
    onOutput: (text: string) => void,
  ) => Promise<void>
  /** Where its daemon answers, tried. Error: `machine-unreachable` */
  endpoint: (name: string, signal: AbortSignal) => Promise<MachineEndpoint>
  /** Null once it is gone, else why not. `force`: forgets it even if the cloud does not say that it is. */
  remove: (name: string, force: boolean, signal: AbortSignal) => Promise<string | null>
  /** Every machine that it knows, also half made. */
  list: (signal: AbortSignal) => Promise<string[]>
}

/** `env`: all that the command sees, MACHINE_STORAGE_PATH (`store`) among it. */
type Options = {
  command: string
  env: Record<string, string>
  store: string
  insecure: readonly string[]
  options: readonly string[]
}

const askMs = 60_000

export function machineCli({ command, env, store, insecure, options }: Options): MachineCli {
  const notes = join(store, 'drydock')
  const secrets = driverSecrets(options, env)
  const run = async (
    args: readonly string[],
    signal: AbortSignal,
    notesDir?: string,
    onOutput?: (text: string) => void,
  ) => {
    const mask = maskOf(secrets)
    const show = (text: string) => text && onOutput?.(text)
    const ran = await runProcess(command, args, {
      env,
      signal,
      onOutput: (text) => show(mask.feed(text)),
      ...(notesDir ? { notesDir } : {}),
    })
    show(mask.end())
    return ran
  }
  /** What it said last, for people. */
  const words = (ran: Ran): string => {
    const mask = maskOf(secrets)
    const lines = `${mask.feed(ran.stderr.trim() || ran.stdout.trim())}${mask.end()}`.split('\n')
    return lines.slice(-3).join(' ').slice(-600) || `${command} exited with ${ran.code}`
  }
  const failed = (what: string) => new BuildError('machine-command', `${command} ${what}`, { retryable: true })
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
    const known = await readdir(join(store, 'machines')).catch(ifAbsent([]))
    return [...new Set([...ran.stdout.split('\n').map((line) => line.trim()), ...known])].filter((name) => name !== '')
  }

  /** What the command says of it; where its own directory has no certificates (driver `none`), `inspect` says where they are. */
  async function told(name: string, signal: AbortSignal, fault: (why: string) => BuildError): Promise<MachineEndpoint> {
    const config = await ask(['config', name], signal)
    const said = config.code === 0 ? readConfig(config.stdout) : null
    const endpoint = said ?? readEnv((await ask(['env', '--shell', 'bash', name], signal)).stdout)
    if (!endpoint) throw fault(words(config))
    if (await hasCertificates(endpoint.DOCKER_CERT_PATH)) return endpoint
    const dir = readCertDir((await ask(['inspect', name], signal)).stdout)
    if (dir === null || !(await hasCertificates(dir))) throw fault('its certificates are not where it says')
    return { ...endpoint, DOCKER_CERT_PATH: dir }
  }

  return {
    list,
    async create(name, profile, signal, onOutput) {
      const dir = join(notes, name)
      await mkdir(dir, { recursive: true, mode: 0o700 })
      const ran = await run(createArgs(profile, insecure, name), signal, dir, onOutput)
      if (ran.code === 0) return
      const kind = createFailure(`${ran.stdout}\n${ran.stderr}`)
      const code = kind === 'quota' ? 'machine-quota' : kind === 'settings' ? 'machine-settings' : 'machine-failed'
      throw new BuildError(code, `no machine was made: ${words(ran)}`, { retryable: kind !== 'settings' })
    },
    async endpoint(name, signal) {
      // What was right before mostly is: a machine of the pool is then ready without the command, which takes its time.
      const file = join(notes, name, 'endpoint.json')
      const noted = await readNote(file)
      if (noted && (await askDaemon(noted, signal)) === null) return noted
      const unreachable = (why: string) => new BuildError('machine-unreachable', `${name}: ${why}`, { retryable: true })
      const found = await told(name, signal, unreachable)
      const answer = await askDaemon(found, signal)
      if (answer !== null) throw unreachable(answer)
      await writeFile(file, JSON.stringify(found), { mode: 0o600 })
      return found
    },
    async remove(name, force, signal) {
      await endOrphans(join(notes, name))
      let ran = await run(['rm', '-y', ...(force ? ['-f'] : []), name], signal)
      // what it knows nothing of but a directory has nothing in a cloud that it could still remove
      if (/\bdoes not exist\b/.test(ran.stderr) && ran.stderr.includes(name))
        ran = await run(['rm', '-y', '-f', name], signal)
      // whatever it says: gone is what is not listed any more
      if ((await list(signal)).includes(name)) return words(ran)
      await rm(join(notes, name), { recursive: true, force: true })
      return null
    },
  }
}

const maskOf = (secrets: readonly string[]) => {
  const mask = makeMask()
  for (const secret of secrets) mask.add(secret)
  return mask
}

const ifAbsent =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code !== 'ENOENT') throw error
    return value
  }

async function readNote(file: string): Promise<MachineEndpoint | null> {
  const text = await readFile(file, 'utf8').catch(ifAbsent('null'))
  try {
    return JSON.parse(text) as MachineEndpoint | null
  } catch {
    return null // it was being written when somebody died
  }
}
