/*
 * In: the name of a reader (dockerfile-readers.ts) and its arguments, which somebody else's Dockerfile is among.
 * Out: what the reader gives, or its BuildError with code and message.
 * Guarantees: nothing else waits for the reader; one that takes more than its time or memory ends with `dockerfile-invalid`, and this process
 * goes on. What else ends a reader is tried once more, and is no fault of the Dockerfile. It runs in a child process: a thread out of memory takes
 * the whole process along. Children start when needed, end a minute after their last work, and keep nobody alive.
 */
import { setTimeout as wait } from 'node:timers/promises'
import pLimit from 'p-limit'
import { BuildError } from './build-error.ts'
import type { Outcome, ReaderName, Task } from './dockerfile-child.ts'
import { type DockerfileProcess, type Ended, startDockerfileProcess } from './dockerfile-process.ts'
import type { DockerfileReaders } from './dockerfile-readers.ts'

const children = 2
/** Of a reader's own work; the largest Dockerfiles that people write take a hundredth of it. */
const mostMs = 10_000
/** For the answer, on a busy machine: then the child is killed, whatever it does. */
const patienceMs = 120_000
const idleMs = 60_000
/** Before a child that could not start is tried again. */
const pauseMs = 250

const atOnce = pLimit(children)
/** Each with the timer that ends it. The one that worked last is taken first, so that the other's time can come. */
const idle = new Map<DockerfileProcess, NodeJS.Timeout>()

/**
 * Errors: those of the reader, `dockerfile-invalid`, the signal's reason where it ends the reading; `reader-absent` where no child can be
 * started and `reader-lost` where two were ended by somebody, which pass.
 */
export function readDockerfile<Name extends ReaderName>(
  signal: AbortSignal | undefined,
  name: Name,
  ...args: Parameters<DockerfileReaders[Name]>
): Promise<ReturnType<DockerfileReaders[Name]>> {
  return atOnce(async () => {
    const outcome = await run({ name, args, mostMs }, signal)
    if ('failure' in outcome) throw new Error(`the reader ${name} failed: ${outcome.failure}`)
    if ('code' in outcome) throw new BuildError(outcome.code, outcome.message)
    return outcome.result as ReturnType<DockerfileReaders[Name]>
  })
}

async function run(task: Task, signal: AbortSignal | undefined): Promise<Outcome> {
  let end = await attempt(takeIdle, task, signal)
  if ('ended' in end && end.ended !== 'aborted') {
    if (end.ended === 'unstarted') await wait(pauseMs)
    // One of its own: whoever ended an idle one may have ended the other too.
    end = await attempt(start, task, signal)
  }
  if (!('ended' in end)) return end
  if (end.ended === 'aborted') return takesTooMuch('much memory')
  const words = `the process that reads Dockerfiles ${end.ended === 'lost' ? 'was ended' : 'could not be started'} (${end.words})`
  throw new BuildError(end.ended === 'lost' ? 'reader-lost' : 'reader-absent', words, { retryable: true })
}

/** Asks one child, which is idle afterwards, or no more. */
async function attempt(
  take: () => DockerfileProcess,
  task: Task,
  signal: AbortSignal | undefined,
): Promise<Outcome | Ended> {
  signal?.throwIfAborted()
  const child = take()
  let isLate = false
  const late = setTimeout(() => {
    isLate = true
    child.kill()
  }, patienceMs)
  signal?.addEventListener('abort', child.kill)
  try {
    const end = await child.run(task)
    signal?.throwIfAborted()
    if ('ended' in end) return isLate ? takesTooMuch('long') : end
    child.rest()
    idle.set(child, setTimeout(child.kill, idleMs).unref())
    return end
  } finally {
    clearTimeout(late)
    signal?.removeEventListener('abort', child.kill)
  }
}

const takesTooMuch = (what: string): Outcome => ({
  code: 'dockerfile-invalid',
  message: `the Dockerfile takes too ${what} to read`,
})

function takeIdle(): DockerfileProcess {
  const child = [...idle.keys()].at(-1)
  if (!child) return start()
  forget(child)
  return child
}

function start(): DockerfileProcess {
  const child: DockerfileProcess = startDockerfileProcess(() => forget(child))
  return child
}

function forget(child: DockerfileProcess): void {
  clearTimeout(idle.get(child))
  idle.delete(child)
}
