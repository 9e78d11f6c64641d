import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TimedOutError, timed } from '../../timed.ts'
import type { FileAnswer } from './file-reader.ts'
import { judgeReading, type Reading } from './file-reading.ts'
import { type Limits, SourceError } from './source.ts'

export const mostBytes = 4 * 2 ** 20
const program = fileURLToPath(new URL('./file-reader.ts', import.meta.url))
/** Files whose last reading hangs and cannot be ended: no second one is begun besides. */
const hanging = new Set<string>()

type Ask = { limits: Limits; clock: () => Date; signal: AbortSignal }

/**
 * The whole of a regular file, up to 4 MiB, once it has settled (file-reading.ts). A reading that hangs is left behind after `limits.idleMs`
 * (`timeout`), and keeps neither the process nor its threads. Throws `unreadable`, `too-large`, `timeout`.
 */
export async function readWholeFile(path: string, { limits, clock, signal }: Ask): Promise<Buffer> {
  for (let times = 1; ; times++) {
    const { reading, bytes } = await readOnce(path, limits, signal)
    if (bytes.length > mostBytes)
      throw new SourceError('too-large', `${path} is larger than ${mostBytes / 2 ** 20} MiB`)
    const judged = judgeReading(reading, clock().getTime(), times)
    if (judged.kind === 'whole') return bytes
    if (judged.kind === 'changing') throw new SourceError('unreadable', `${path} changes while it is read`)
    await sleep(judged.inMs, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
  }
}

async function readOnce(
  path: string,
  limits: Limits,
  signal: AbortSignal,
): Promise<{ reading: Reading; bytes: Buffer }> {
  signal.throwIfAborted()
  if (hanging.has(path)) throw new SourceError('timeout', `${path}: the last reading of it hangs still`)
  const child = spawn(process.execPath, [program, path, String(mostBytes)], {
    ...{ env: {}, stdio: ['ignore', 'pipe', 'ignore'] },
  })
  const parts: Buffer[] = []
  const ended = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.on('error', reject)
    child.on('close', () => resolve())
  })
  const leave = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      hanging.add(path)
      child.once('exit', () => hanging.delete(path))
    }
    child.kill('SIGKILL')
    child.stdout.destroy()
    child.unref()
  }
  await timed(ended, limits.idleMs, signal, leave).catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof TimedOutError) throw new SourceError('timeout', `${path} cannot be read in time`, error)
    throw new SourceError('unreadable', `${path}: no process could be started to read it`, error)
  })
  return answered(path, Buffer.concat(parts))
}

function answered(path: string, said: Buffer): { reading: Reading; bytes: Buffer } {
  const end = said.indexOf(0x0a)
  if (end < 0) throw new SourceError('unreadable', `${path}: the process that reads it was ended`)
  const answer = JSON.parse(said.subarray(0, end).toString()) as FileAnswer
  const bytes = said.subarray(end + 1)
  if (!('error' in answer) && bytes.length === answer.bytes) return { reading: answer, bytes }
  if (!('error' in answer)) throw new SourceError('unreadable', `${path}: the process that reads it was ended`)
  if (answer.error === 'not-a-file') throw new SourceError('unreadable', `${path} is no file`)
  throw new SourceError('unreadable', `${path} cannot be read (${answer.error})`)
}
