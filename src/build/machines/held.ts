import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { BuildError } from '../build-error.ts'
import { leaseSeconds, renew } from './rows.ts'

/**
 * Does something with a machine while its lease is renewed. `work` is aborted (`machine-lost`) once somebody else has taken the
 * machine, because we were silent for too long. A database that does not answer for a while stops nothing.
 */
export async function held<T>(
  d: Pick<Deps, 'sql' | 'log'>,
  name: string,
  state: 'creating' | 'removing',
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const taken = () => new BuildError('machine-lost', `${name} was taken over by another process`, { retryable: true })
  if (!(await renew(d.sql, name, state))) throw taken()
  const [lost, over] = [new AbortController(), new AbortController()]
  const renewing = (async () => {
    while (!over.signal.aborted) {
      await delay((leaseSeconds * 1000) / 4, undefined, { signal: over.signal }).catch(() => undefined)
      if (over.signal.aborted) return
      const kept = await renew(d.sql, name, state).catch((error: unknown) => {
        d.log.warn({ err: error, machine: name }, 'the lease of a machine could not be renewed')
        return true
      })
      if (!kept) lost.abort(taken())
    }
  })()
  try {
    return await work(AbortSignal.any([signal, lost.signal]))
  } finally {
    over.abort()
    await renewing
  }
}
