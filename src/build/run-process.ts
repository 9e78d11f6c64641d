import { type ChildProcess, spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BuildError } from './build-error.ts'
import { processStart, signalGroup } from './process-group.ts'

export type RunOptions = {
  env: Record<string, string>
  cwd?: string
  /** ends the whole process group, within 5 s; the promise then rejects with the signal's reason */
  signal: AbortSignal
  /** gets standard output and error as they come, in UTF-8 */
  onOutput?: (text: string) => void
  /** offered on file descriptor 3, once: where a secret is in no argument, environment or file */
  secret?: string
  /** a directory where the running process group is noted, so that a later attempt can end it if we die */
  notesDir?: string
}

export type Ran = { code: number; stdout: string; stderr: string }

const keptChars = 1024 * 1024
const graceMs = 2000

/**
 * Runs a program in a process group of its own. Resolves with its exit code (128 where a signal ended it) and the last MiB of
 * each output; rejects with `program-missing` where there is none of that name.
 */
export async function runProcess(program: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const { signal, onOutput, secret, notesDir } = options
  signal.throwIfAborted()
  const child = spawn(program, args, {
    env: options.env,
    cwd: options.cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', secret === undefined ? 'ignore' : 'pipe'],
  })
  const ended = endOf(child, program)
  const stdout = keep(child.stdout, onOutput)
  const stderr = keep(child.stderr, onOutput)
  offerSecret(child.stdio[3], secret)
  const note = notesDir && child.pid ? join(notesDir, `pid-${child.pid}`) : null
  const stopped = Promise.withResolvers<never>()
  const stop = () => void endGroup(child, ended).finally(() => stopped.reject(signal.reason))
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (note && child.pid)
      await writeNote(note, child.pid).catch((error) => endGroup(child, ended).then(() => fail(error)))
    const code = await Promise.race([ended, stopped.promise])
    signal.throwIfAborted()
    return { code, stdout: stdout(), stderr: stderr() }
  } finally {
    signal.removeEventListener('abort', stop)
    if (note) await rm(note, { force: true })
  }
}

/** What could not be noted must not run: nobody could end it later. */
const writeNote = async (note: string, pid: number): Promise<void> => writeFile(note, (await processStart(pid)) ?? '')

const fail = (error: unknown): never => {
  throw error
}

function endOf(child: ChildProcess, program: string): Promise<number> {
  const end = Promise.withResolvers<number>()
  child.once('error', (cause) => end.reject(new BuildError('program-missing', `${program} cannot be run`, { cause })))
  child.once('close', (code) => end.resolve(code ?? 128))
  return end.promise
}

/** Asks the group to end, and after a while makes it. */
async function endGroup(child: ChildProcess, ended: Promise<number>): Promise<void> {
  if (child.pid === undefined) return
  const end = ended.then(
    () => undefined,
    () => undefined,
  )
  signalGroup(child.pid, 'SIGTERM')
  await Promise.race([end, delay(graceMs)])
  signalGroup(child.pid, 'SIGKILL')
  await Promise.race([end, delay(graceMs)])
}

function keep(stream: NodeJS.ReadableStream | null, onOutput?: (text: string) => void): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-keptChars)
    onOutput?.(piece)
  })
  return () => text
}

/** The reader may never ask for it, or be gone: a broken pipe is then no failure of the program. */
function offerSecret(stream: unknown, secret: string | undefined): void {
  if (secret === undefined) return
  const pipe = stream as NodeJS.WritableStream
  pipe.on('error', () => undefined)
  pipe.end(`${secret}\n`)
}
