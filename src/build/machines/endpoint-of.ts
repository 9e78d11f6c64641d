import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError } from '../build-error.ts'
import type { Ran } from '../run-process.ts'
import { askDaemon, hasCertificates } from './ask-daemon.ts'
import { ifAbsent } from './if-absent.ts'
import { type MachineEndpoint, readCertDir, readConfig, readEnv } from './read-endpoint.ts'

/** `notes`: our own directory for this machine. `ask`: runs the command. `words`: what it said, for people. */
type Asked = {
  name: string
  notes: string
  ask: (args: readonly string[], signal: AbortSignal) => Promise<Ran>
  words: (ran: Ran) => string
}

/** Where a machine's daemon answers, tried. Error: `machine-unreachable`. */
export async function endpointOf(asked: Asked, signal: AbortSignal): Promise<MachineEndpoint> {
  // What was right before mostly is: a machine of the pool is then ready without the command, which takes its time.
  const file = join(asked.notes, 'endpoint.json')
  const noted = await readNote(file)
  if (noted && (await askDaemon(noted, signal)) === null) return noted
  const found = await told(asked, signal)
  const answer = await askDaemon(found, signal)
  if (answer !== null) throw unreachable(asked.name, answer)
  await writeFile(file, JSON.stringify(found), { mode: 0o600 })
  return found
}

/** What the command says of it; where its own directory has no certificates (driver `none`), `inspect` says where they are. */
async function told({ name, ask, words }: Asked, signal: AbortSignal): Promise<MachineEndpoint> {
  const config = await ask(['config', name], signal)
  const said = config.code === 0 ? readConfig(config.stdout) : null
  const endpoint = said ?? readEnv((await ask(['env', '--shell', 'bash', name], signal)).stdout)
  if (!endpoint) throw unreachable(name, words(config))
  if (await hasCertificates(endpoint.DOCKER_CERT_PATH)) return endpoint
  const dir = readCertDir((await ask(['inspect', name], signal)).stdout)
  if (dir === null || !(await hasCertificates(dir)))
    throw unreachable(name, 'its certificates are not where docker-machine says')
  return { ...endpoint, DOCKER_CERT_PATH: dir }
}

const unreachable = (name: string, why: string) =>
  new BuildError('machine-unreachable', `${name}: ${why}`, { retryable: true })

async function readNote(file: string): Promise<MachineEndpoint | null> {
  const text = await readFile(file, 'utf8').catch(ifAbsent('null'))
  try {
    return JSON.parse(text) as MachineEndpoint | null
  } catch {
    return null // it was being written when somebody died
  }
}
