import type { IncomingMessage } from 'node:http'
import { readBody } from '../webhook/read-body.ts'

/** `places`: bodies read at once; `bytes`: of all of them together; milliseconds without a byte (`idle`) and in all (`whole`). */
type Limits = { places: number; bytes: number; idle: number; whole: number }

type Reading = { address: string; bytes: number; request: IncomingMessage }

const usual: Limits = { places: 64, bytes: 100 * 1024 ** 2, idle: 5000, whole: 30_000 }

/**
 * Reads bodies before anybody is known to have signed them. Whoever comes next is always let in: where there are too many or too large
 * ones, the address that has most of it loses its oldest, so that nobody keeps others out by sending slowly. A body that is cut off so
 * rejects; null is one longer than `limit` bytes.
 */
export function bodyReader(
  limits: Partial<Limits> = {},
): (r: IncomingMessage, limit: number) => Promise<Buffer | null> {
  const { places, bytes: budget, idle, whole } = { ...usual, ...limits }
  const all = new Set<Reading>()

  function makeRoom(): void {
    while (all.size > places) cutOff(() => 1)
    while (total([...all]) > budget) cutOff(({ bytes }) => bytes)
  }

  /** The oldest that counts, of the address that has most. */
  function cutOff(weight: (one: Reading) => number): void {
    const counted = [...all].filter((one) => weight(one) > 0)
    const of = new Map<string, number>()
    for (const one of counted) of.set(one.address, (of.get(one.address) ?? 0) + weight(one))
    const most = Math.max(...of.values())
    const oldest = counted.find(({ address }) => of.get(address) === most)
    if (!oldest) return
    all.delete(oldest)
    oldest.request.destroy(new Error('others wait, and its address has most'))
  }

  return async (request, limit) => {
    const one: Reading = { address: request.socket.remoteAddress ?? '', bytes: 0, request }
    const late = () => request.destroy(new Error('the body did not come'))
    const idling = setTimeout(late, idle)
    const ending = setTimeout(late, whole)
    all.add(one)
    makeRoom()
    try {
      const { bytes } = await readBody(request, limit, (length) => {
        idling.refresh()
        // what is too long is not kept
        one.bytes = length > limit ? 0 : length
        makeRoom()
      })
      return bytes
    } finally {
      clearTimeout(idling)
      clearTimeout(ending)
      all.delete(one)
    }
  }
}

const total = (all: readonly Reading[]): number => all.reduce((sum, { bytes }) => sum + bytes, 0)
