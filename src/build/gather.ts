import { setImmediate as turnsEnd } from 'node:timers/promises'

/**
 * Calls of many become calls of few: who calls in one turn of the event loop is served together, and who calls while `work` is under way
 * with the others by the next. So nobody waits for company, and many do not queue one by one. `work` gives one result for each item, in their order.
 * most: items at once. key: two of the same are never served together, the earlier goes first. apart: where `work` fails so for several,
 * each is tried by itself, so that the fault of one is not that of all.
 */
export function gather<T, R>(
  work: (items: readonly T[]) => Promise<readonly R[]>,
  { most, key, apart = () => false }: { most: number; key?: (item: T) => unknown; apart?: (error: unknown) => boolean },
): (item: T) => Promise<R> {
  type Waiting = { item: T; done: PromiseWithResolvers<R> }
  let waiting: Waiting[] = []
  let busy = false
  const serve = async (served: readonly Waiting[]): Promise<void> => {
    try {
      const results = await work(served.map(({ item }) => item))
      served.forEach(({ done }, i) => void done.resolve(results[i]!))
    } catch (error) {
      if (served.length > 1 && apart(error)) for (const one of served) await serve([one])
      else for (const { done } of served) done.reject(error)
    }
  }
  const serveAll = async () => {
    busy = true
    while (waiting.length > 0) {
      await turnsEnd()
      const served = firstOfEach(waiting, key).slice(0, most)
      waiting = waiting.filter((one) => !served.includes(one))
      await serve(served)
    }
    busy = false
  }
  return (item) => {
    const done = Promise.withResolvers<R>()
    waiting.push({ item, done })
    if (!busy) void serveAll()
    return done.promise
  }
}

function firstOfEach<T extends { item: I }, I>(all: readonly T[], key: ((item: I) => unknown) | undefined): T[] {
  if (!key) return [...all]
  const seen = new Set<unknown>()
  return all.filter(({ item }) => !seen.has(key(item)) && seen.add(key(item)))
}
