import { Worker } from 'node:worker_threads'
import type { BounceReport, NoReport } from './bounce-report.ts'
import type { Said } from './bounce-worker.ts'

const mostHeapMb = 128
const mostMs = 10_000

/**
 * readBounce in a thread of its own, which is ended after `patience` ms of reading or with more than 128 MB: a mail can be made so that a reader
 * of mails takes minutes for it (a MiB of empty lines, a link that never ends), and anybody may send one. What takes so much is no report. Rejects where there is no thread.
 */
export function readApart(bytes: Uint8Array, { patience = mostMs } = {}): Promise<BounceReport | NoReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./bounce-worker.ts', import.meta.url), {
      ...{ workerData: bytes, env: {}, execArgv: [], stdout: true, stderr: true },
      resourceLimits: { maxOldGenerationSizeMb: mostHeapMb },
    })
    let clock: NodeJS.Timeout | undefined
    const end = (settle: () => void) => {
      clearTimeout(clock)
      settle()
      void worker.terminate()
    }
    const none = (because: string) => end(() => resolve({ kind: 'none', because }))
    worker.on('message', (said: Said) => {
      if (said !== 'ready') return end(() => resolve(said))
      clock = setTimeout(() => none('it takes too long to read'), patience)
    })
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') return none('it takes too much memory to read')
      end(() => reject(error))
    })
    worker.on('exit', () => end(() => reject(new Error('the thread that reads bounces ended'))))
  })
}
