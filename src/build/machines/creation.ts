/**
 * in: the command line of `create`. out: a docker-machine that makes a machine, whoever waits for it.
 * guarantees: it writes into files, and so goes on when we die (a broken pipe would end it in the midst); nothing runs that is not
 * noted; it is ended only where nothing can be lost by it (creation-stage.ts), or when it has run for longer than any creation.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { type FileHandle, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BuildError } from '../build-error.ts'
import { processStart, signalGroup } from '../process-group.ts'
import type { Ran } from '../run-process.ts'
import { type CreationStage, creationStage } from './creation-stage.ts'
import { ifAbsent } from './if-absent.ts'

/** `ended`: its exit code; 128 where a signal ended it. `dir` holds its output and the note of its process. */
export type Creation = { ended: Promise<number>; dir: string; command: string }

const lookMs = 200
const [out, err] = ['create.out', 'create.err']
/** The child waits for a word, so that it never runs where its note could not be written; it is gone if we die before. */
const whenNoted = 'read -r go <&3 || exit 125; exec 3<&-; exec "$@"'

/** Starts it. Error: `program-missing`, as its `follow`. */
export async function startCreation(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  dir: string,
): Promise<Creation> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const files = await Promise.all([out, err].map((name) => open(join(dir, name), 'w', 0o600)))
  try {
    const child = spawn('/bin/sh', ['-c', whenNoted, 'create', command, ...args], {
      env,
      detached: true,
      stdio: ['ignore', files[0]!.fd, files[1]!.fd, 'pipe'],
    })
    const ended = endOf(child)
    if (child.pid !== undefined) await writeFile(join(dir, `pid-${child.pid}`), (await processStart(child.pid)) ?? '')
    const word = child.stdio[3] as Socket
    word.on('error', () => undefined) // it has ended already, which `ended` says
    word.end('go\n', () => word.destroy())
    child.unref()
    return { ended, dir, command }
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}

function endOf(child: ChildProcess): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  child.once('error', () => resolve(127))
  child.once('exit', (code) => resolve(code ?? 128))
  return promise
}

/** Shows what it prints until it ends. Where `signal` aborts, it goes on: see `endCreation`. */
export async function follow(
  { ended, dir, command }: Creation,
  signal: AbortSignal,
  onOutput: (text: string) => void,
): Promise<Ran> {
  const files = await Promise.all([out, err].map((name) => open(join(dir, name))))
  const tails = files.map((file) => tailOf(file, onOutput))
  try {
    for (let code: number | null = null; ; ) {
      code = await Promise.race([ended, delay(lookMs, null, { signal }).catch(() => null)])
      for (const tail of tails) await tail()
      if (code === 126 || code === 127) throw new BuildError('program-missing', `${command} cannot be run`)
      if (code !== null) return { code, ...(await saidBy(dir)) }
      signal.throwIfAborted()
    }
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}

/** Shows what has come since the last time; characters are not cut in two. */
function tailOf(file: FileHandle, onOutput: (text: string) => void): () => Promise<void> {
  const decoder = new TextDecoder()
  const buffer = Buffer.alloc(64 * 1024)
  let position = 0
  return async () => {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) return
      position += bytesRead
      onOutput(decoder.decode(buffer.subarray(0, bytesRead), { stream: true }))
    }
  }
}

/** What it has printed by now. */
export const saidBy = async (dir: string): Promise<{ stdout: string; stderr: string }> => {
  const [stdout, stderr] = await Promise.all(
    [out, err].map((name) => readFile(join(dir, name), 'utf8').catch(ifAbsent(''))),
  )
  return { stdout: stdout!, stderr: stderr! }
}

/** How far the creation came whose output lies here, as far as it can be told. */
export async function stageOf(dir: string): Promise<CreationStage> {
  const { stdout, stderr } = await saidBy(dir)
  return creationStage(`${stdout}\n${stderr}`)
}

/**
 * Sees to it that the creation noted here does not run any more: waits while the cloud makes the machine, for what would be killed then is
 * a machine that nobody can name; ends it before and after that, and where it has run for `longestMs`. `signal` ends the waiting.
 */
export async function endCreation(dir: string, longestMs: number, signal: AbortSignal): Promise<void> {
  const names = await readdir(dir).catch(ifAbsent<string[]>([]))
  for (const name of names.filter((entry) => /^pid-\d+$/.test(entry))) {
    const pid = Number(name.slice('pid-'.length))
    const noted = await readFile(join(dir, name), 'utf8')
    // A number that was given to another process since has another start.
    const runs = async () => noted !== '' && (await processStart(pid)) === noted
    const mayEnd = async () => (await ageMs(noted)) > longestMs || (await stageOf(dir)) !== 'asked'
    while (await runs()) {
      if (await mayEnd()) {
        signalGroup(pid, 'SIGSTOP') // so that it does not ask the cloud between our look and its end
        if ((await runs()) && (await mayEnd())) signalGroup(pid, 'SIGKILL')
      }
      if (await runs()) signalGroup(pid, 'SIGCONT')
      await delay(lookMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}

/** Of a process with that start (proc(5): in ticks of 10 ms since boot), by the kernel's own clock. */
const ageMs = async (start: string): Promise<number> =>
  Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]) * 1000 - Number(start) * 10
