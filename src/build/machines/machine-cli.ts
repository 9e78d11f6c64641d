/**
 * in: a name and what to do with that machine. out: the docker-machine command run, and what it said, read strictly.
 * guarantees: no shell; no secret of a driver in what it passes on; a machine that does not answer over TLS is an error.
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineProfile } from '../../build-settings.ts'
import { BuildError } from '../build-error.ts'
import { childEnv } from '../child-env.ts'
import { makeMask } from '../mask.ts'
import { endOrphans } from '../orphans.ts'
import { type Ran, runProcess } from '../run-process.ts'
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

/** `env`: all that the command sees (MACHINE_STORAGE_PATH among it). `notes`: a directory in which running creations are noted. */
type Options = {
  command: string
  env: Record<string, string>
  notes: string
  insecure: readonly string[]
  options: readonly string[]
}

const askMs = 60_000

export function machineCli({ command, env, notes, insecure, options }: Options): MachineCli {
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
  const ask = (args: readonly string[], signal: AbortSignal) =>
    run(args, AbortSignal.any([signal, AbortSignal.timeout(askMs)]))

  const list = async (signal: AbortSignal): Promise<string[]> => {
    const ran = await ask(['ls', '-q'], signal)
    if (ran.code !== 0) throw new BuildError('machine-command', `${command} ls: ${words(ran)}`, { retryable: true })
    return ran.stdout
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
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
      const unreachable = (why: string) => new BuildError('machine-unreachable', `${name}: ${why}`, { retryable: true })
      const config = await ask(['config', name], signal)
      const said = config.code === 0 ? readConfig(config.stdout) : null
      const endpoint = said ?? readEnv((await ask(['env', '--shell', 'bash', name], signal)).stdout)
      if (!endpoint) throw unreachable(words(config))
      const found = (await hasCertificates(endpoint.DOCKER_CERT_PATH))
        ? endpoint
        : { ...endpoint, DOCKER_CERT_PATH: readCertDir((await ask(['inspect', name], signal)).stdout) ?? '' }
      if (!(await hasCertificates(found.DOCKER_CERT_PATH))) throw unreachable('its certificates are not where it says')
      const answer = await askDaemon(found, signal)
      if (answer !== null) throw unreachable(answer)
      return found
    },
    async remove(name, force, signal) {
      await endOrphans(join(notes, name))
      const ran = await run(['rm', '-y', ...(force ? ['-f'] : []), name], signal)
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

async function hasCertificates(dir: string): Promise<boolean> {
  if (dir === '') return false
  const found = ['ca.pem', 'cert.pem', 'key.pem'].map((file) =>
    stat(join(dir, file)).then(
      () => true,
      () => false,
    ),
  )
  return (await Promise.all(found)).every((there) => there)
}

const answerMs = 20_000

/** Null where the daemon answers the docker command, over TLS; else why not. */
async function askDaemon(endpoint: MachineEndpoint, signal: AbortSignal): Promise<string | null> {
  const limit = AbortSignal.timeout(answerMs)
  const env = childEnv({ ...endpoint, DOCKER_CONFIG: endpoint.DOCKER_CERT_PATH, HOME: endpoint.DOCKER_CERT_PATH })
  const args = ['version', '--format', '{{.Server.Version}}']
  try {
    const ran = await runProcess('docker', args, { env, signal: AbortSignal.any([signal, limit]) })
    return ran.code === 0 ? null : (ran.stderr.trim().split('\n').at(-1) ?? 'no answer')
  } catch (error) {
    if (limit.aborted && !signal.aborted) return `its daemon gives no answer in ${answerMs / 1000} s`
    throw error
  }
}
