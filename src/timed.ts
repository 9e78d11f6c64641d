/** What took longer than it may. */
export class TimedOutError extends Error {
  readonly code = 'ETIMEDOUT'
  readonly retryable = true
}

/** `work`, or a TimedOutError after `ms`, or the signal's reason; where it is not waited for to its end, `stop` is called, and what becomes of it is nobody's. */
export async function timed<T>(work: Promise<T>, ms: number, signal: AbortSignal, stop: () => void): Promise<T> {
  let end: () => void = () => {}
  const over = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new TimedOutError(`not done after ${ms} ms`)), ms)
    const aborted = () => reject(signal.reason)
    signal.addEventListener('abort', aborted)
    if (signal.aborted) aborted()
    end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
  })
  try {
    return await Promise.race([work, over])
  } catch (error) {
    stop()
    throw error
  } finally {
    end()
  }
}
