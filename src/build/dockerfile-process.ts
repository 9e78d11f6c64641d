import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Outcome, Task } from './dockerfile-child.ts'

/**
 * Why a process gave no answer. `unstarted`: it never came so far as to be asked; `aborted`: the engine ended it in the middle of its work, which
 * it does out of memory; `lost`: anything else ended it, and that says nothing of what it was reading.
 */
export type Ended = { ended: 'unstarted' | 'aborted' | 'lost'; words: string }

/** A child process that runs one reader at a time. */
export type DockerfileProcess = {
  /** What became of it; never rejects. */
  run: (task: Task) => Promise<Outcome | Ended>
  /** Keeps nobody alive until it is asked again. */
  rest: () => void
  kill: () => void
}

const mostHeapMb = 256
/** From fork to its first word; a busy machine takes some seconds. */
const birthMs = 60_000

/**
 * Starts a reader's process (dockerfile-child.ts); `onEnd` is called once when it is no more. Node tells of one that cannot start in three ways (it
 * throws: ENOMEM; it emits `error`: EAGAIN; it does so and leaves the process without a channel: EMFILE), and all of them come out of `run`.
 * The pool library that was used here before took none of them.
 */
export function startDockerfileProcess(onEnd: () => void): DockerfileProcess {
  const child = forked()
  if (child instanceof Error) return absent({ ended: 'unstarted', words: child.message })
  let gone: Ended | null = null
  let isReady = false
  let asked: { task: Task; answer: (outcome: Outcome | Ended) => void } | null = null
  // Without a pid there is nobody to kill; the system would take the missing one for our own group.
  const kill = () => void (child.pid !== undefined && child.kill('SIGKILL'))
  const end = (ended: Ended['ended'], words: string) => {
    if (gone) return
    gone = { ended, words }
    clearTimeout(birth)
    asked?.answer(gone)
    onEnd()
  }
  const birth = setTimeout(() => {
    end('unstarted', `it took more than ${birthMs / 1000} s`)
    kill()
  }, birthMs)
  const send = (task: Task) =>
    child.send(task, (error) => {
      // What ended it is told by `exit`, which may come a little later.
      if (error) kill()
    })
  child.on('message', (said) => {
    if (isReady) return asked?.answer(said as Outcome)
    isReady = true
    clearTimeout(birth)
    if (asked) send(asked.task)
  })
  child.on('error', (error) => {
    end(isReady ? 'lost' : 'unstarted', error.message)
    kill()
  })
  child.on('exit', (code, signal) => {
    const how = !isReady ? 'unstarted' : asked && isAbort(code, signal) ? 'aborted' : 'lost'
    end(how, signal ?? `exit code ${code}`)
  })
  return {
    run: (task) =>
      new Promise((answer) => {
        if (gone) return answer(gone)
        child.ref()
        child.channel?.ref()
        asked = { task, answer }
        if (isReady) send(task)
      }),
    rest: () => {
      asked = null
      child.unref()
      child.channel?.unref()
    },
    kill,
  }
}

function forked(): ChildProcess | Error {
  try {
    return fork(fileURLToPath(new URL('./dockerfile-child.ts', import.meta.url)), {
      ...{ env: {}, execArgv: [`--max-old-space-size=${mostHeapMb}`], serialization: 'advanced' },
      // The engine's last words are not the service's own: whoever reads its log would take them for that.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const absent = (gone: Ended): DockerfileProcess => ({
  run: () => Promise.resolve(gone),
  rest: () => undefined,
  kill: () => undefined,
})

/** How V8 ends a process that it has no memory for; 134 is what Node makes of it where there are no signals. */
const isAbort = (code: number | null, signal: string | null): boolean =>
  signal === 'SIGABRT' || signal === 'SIGTRAP' || code === 134
