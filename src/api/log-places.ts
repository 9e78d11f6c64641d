/** A place in a build's log: a chunk (`build_log.seq`), and how many of its characters are behind it. */
export type LogPlace = { chunk: number; skip: number }

/** Where a reader was, by the id of an event: `CHUNK` or `CHUNK.CHARACTERS`; anything else is the beginning. */
export function placeOf(id: unknown): LogPlace {
  const [, chunk = '0', skip = '0'] = (typeof id === 'string' && /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(id)) || []
  return { chunk: Number(chunk), skip: Number(skip) }
}

/**
 * Keeps where chunks end while they are read in order: who reads may be told less than was read, and goes on from there. `take`: what is
 * to be read of the next chunk; `before`: the place before the last `held` characters that were taken.
 */
export function logPlaces(from: LogPlace): {
  take(chunk: { text: string; next: number }): string
  before(held: number): string
} {
  let next = from.chunk
  let taken: { chunk: number; skip: number; length: number }[] = []
  return {
    take({ text, next: following }) {
      const chunk = following - 1
      const skip = chunk === from.chunk ? Math.min(from.skip, text.length) : 0
      taken.push({ chunk, skip, length: text.length - skip })
      next = following
      return text.slice(skip)
    },
    before(held) {
      let told = taken.reduce((sum, { length }) => sum + length, 0) - held
      while (taken[0] && told >= taken[0].length) {
        told -= taken[0].length
        taken = taken.slice(1)
      }
      const [first] = taken
      if (!first) return String(next)
      return first.skip + told === 0 ? String(first.chunk) : `${first.chunk}.${first.skip + told}`
    },
  }
}
