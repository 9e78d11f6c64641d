/**
 * In: what is to be written for a visit of Portus, in order, and questions to the database for its answer.
 * Out: answers, or an UnansweredError within `patience`; the writes done, later where the database is away or slow.
 * Guarantees: nobody waits longer than `patience` milliseconds, and not at all while nothing moves; no more than `mostWaiting` writes are
 * kept; where one is lost, `overflowed` is written instead.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isLostDatabase } from '../db/is-lost-database.ts'
import type { Deps } from '../deps.ts'
import { timed } from '../timed.ts'

/** The database did not answer in time. */
export class UnansweredError extends Error {
  readonly code = 'unanswered'
  readonly retryable = true
}

export type Visits = {
  /** Resolves when it is written, or not waited for any longer; never rejects. */
  write(what: () => Promise<unknown>): Promise<void>
  /** After all writes before it. Rejects with an UnansweredError. */
  ask<T>(what: () => Promise<T>): Promise<T>
}

const mostWaiting = 10_000
const againMs = 250

export function makeVisits(
  d: Pick<Deps, 'log'>,
  { patience, overflowed }: { patience: number; overflowed: () => Promise<unknown> },
): Visits {
  const never = new AbortController().signal
  const waiting: { what: () => Promise<unknown>; done: () => void }[] = []
  let asked = 0
  let movedAt = 0
  let away = false
  let lost = false
  let draining: Promise<void> | null = null

  /** Something was asked of the database longer ago than anybody is patient, and nothing came of it or of anything else since. */
  const isStuck = (): boolean => away || (asked > 0 && performance.now() - movedAt > patience)
  const within = <T>(work: Promise<T>): Promise<T> => timed(work, patience, never, () => work.catch(() => undefined))

  const followed = async <T>(what: () => Promise<T>): Promise<T> => {
    if (asked === 0) movedAt = performance.now()
    asked++
    try {
      const found = await what()
      away = false
      return found
    } finally {
      asked--
      movedAt = performance.now()
    }
  }

  /** Tried again while the database is away; what it refuses is told and left out. */
  const done = async (what: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        return void (await followed(what))
      } catch (err) {
        if (hasEnded(err)) return
        away = isLostDatabase(err)
        if (!away) return d.log.warn({ err }, 'what Portus told could not be kept')
        await sleep(againMs, undefined, { ref: false })
      }
    }
  }
  const drain = async (): Promise<void> => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      await done(next.what)
      waiting.shift()
      next.done()
    }
    if (lost) {
      lost = false
      await done(overflowed)
    }
    draining = null
    if (waiting.length > 0 || lost) draining = drain()
  }
  const drained = (): Promise<void> => {
    draining ??= drain()
    return draining
  }

  return {
    async write(what) {
      if (waiting.length >= mostWaiting) {
        lost = true
        return
      }
      const written = new Promise<void>((resolve) => waiting.push({ what, done: resolve }))
      void drained()
      if (!isStuck()) await within(written).catch(() => undefined)
    },
    async ask(what) {
      if (isStuck()) throw new UnansweredError('the database does not answer')
      const work = (waiting.length > 0 ? drained() : Promise.resolve()).then(() => followed(what))
      try {
        return await within(work)
      } catch (cause) {
        throw new UnansweredError('the database did not answer in time', { cause })
      }
    },
  }
}

/** Our own side was closed: this process ends, and the next one asks for everything again. */
const hasEnded = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'CONNECTION_ENDED'
