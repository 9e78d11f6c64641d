/**
 * Settles as `work` does, but no later than `ms` after the signal: then it rejects with the signal's reason, and `work`, which took no
 * notice, goes on unheard.
 */
export function outwait<T>(work: Promise<T>, signal: AbortSignal, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const begin = () => {
      timer = setTimeout(() => reject(signal.reason), ms)
    }
    if (signal.aborted) begin()
    else signal.addEventListener('abort', begin, { once: true })
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', begin)
    })
  })
}
