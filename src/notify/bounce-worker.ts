import { parentPort, workerData } from 'node:worker_threads'
import { type BounceReport, type NoReport, readBounce } from './bounce-report.ts'

/** What the thread says: first that it is there, then what it read. */
export type Said = 'ready' | BounceReport | NoReport

const say = (said: Said) => parentPort?.postMessage(said)

/** A thread that reads one mail and ends (read-apart.ts). */
say('ready')
say(await readBounce(workerData as Uint8Array))
