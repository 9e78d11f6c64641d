/*
 * In: the name of a reader (dockerfile-readers.ts) and its arguments, which somebody else's Dockerfile is among.
 * Out: what the reader gives, or its BuildError with code and message.
 * Guarantees: nothing else waits for the reader; one that takes more than its time or memory ends with `dockerfile-invalid`, and this process
 * goes on. It runs in a child process: a thread out of memory takes the whole process along. Children start when needed, and keep nobody alive.
 */
import pLimit from 'p-limit'
import { Tinypool } from 'tinypool'
import { BuildError } from './build-error.ts'
import type { Outcome, ReaderName, Task } from './dockerfile-child.ts'
import type { DockerfileReaders } from './dockerfile-readers.ts'

const children = 2
/** Of a reader's own work; the largest Dockerfiles that people write take a hundredth of both. */
const mostMs = 10_000
const mostHeapMb = 256
/** With the start of a child on a busy machine: then it is killed, whatever it does. */
const patienceMs = 120_000
const idleMs = 60_000

const atOnce = pLimit(children)
let pool: Tinypool | undefined

/** Errors: those of the reader, `dockerfile-invalid`, and the signal's reason where it ends the reading. */
export function readDockerfile<Name extends ReaderName>(
  signal: AbortSignal | undefined,
  name: Name,
  ...args: Parameters<DockerfileReaders[Name]>
): Promise<ReturnType<DockerfileReaders[Name]>> {
  return atOnce(async () => {
    const outcome = await run({ name, args, mostMs }, signal)
    if ('code' in outcome) throw new BuildError(outcome.code, outcome.message)
    return outcome.result as ReturnType<DockerfileReaders[Name]>
  })
}

async function run(task: Task, signal: AbortSignal | undefined): Promise<Outcome> {
  signal?.throwIfAborted()
  const late = AbortSignal.timeout(patienceMs)
  try {
    pool ??= startPool()
    return await pool.run(task, { signal: signal ? AbortSignal.any([signal, late]) : late })
  } catch (error) {
    signal?.throwIfAborted()
    const why = late.aborted ? 'long' : (error as Error).message === exited ? 'much memory' : null
    if (why === null) throw error
    return { code: 'dockerfile-invalid', message: `the Dockerfile takes too ${why} to read` }
  }
}

/** The pool's word for a child that ended in the middle of its work: nothing but its memory makes it. */
const exited = 'Worker exited unexpectedly'

function startPool(): Tinypool {
  const made = new Tinypool({
    runtime: 'child_process',
    filename: new URL('./dockerfile-child.ts', import.meta.url).href,
    ...{ minThreads: 1, maxThreads: children, idleTimeout: idleMs },
    ...{ env: {}, execArgv: [`--max-old-space-size=${mostHeapMb}`], serialization: 'advanced' },
  })
  // A child that ends without work is nobody's failure: the next reading starts another.
  made.on('error', () => undefined)
  return made
}
