import { runInNewContext } from 'node:vm'
import { BuildError } from './build-error.ts'
import { type DockerfileReaders, dockerfileReaders } from './dockerfile-readers.ts'

export type ReaderName = keyof DockerfileReaders

/** `mostMs`: of the reader's own work. */
export type Task = { name: ReaderName; args: unknown[]; mostMs: number }

/** A BuildError's class and code would be lost on its way between processes. `failure`: a fault of ours. */
export type Outcome = { result: unknown } | { code: string; message: string } | { failure: string }

// Who stops the service stops us when it is through; a signal to all of its processes is not for us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit())
process.on('message', (task) => process.send?.(runReader(task as Task)))
process.send?.('ready')

/** Runs in a process of its own (dockerfile-process.ts): one reader, once. */
function runReader({ name, args, mostMs }: Task): Outcome {
  const reader = dockerfileReaders[name] as (...args: unknown[]) => unknown
  try {
    // A time limit is all that this is for: it holds for whatever is called from there.
    return { result: runInNewContext('work()', { work: () => reader(...args) }, { timeout: mostMs }) }
  } catch (error) {
    if (error instanceof BuildError) return { code: error.code, message: error.message }
    if ((error as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      return { code: 'dockerfile-invalid', message: `the Dockerfile takes too long to read (over ${mostMs / 1000} s)` }
    // The engine's own limits: of the stack, or of a string.
    if (error instanceof RangeError)
      return { code: 'dockerfile-invalid', message: `the Dockerfile takes too much memory to read (${error.message})` }
    return { failure: String(error) }
  }
}
