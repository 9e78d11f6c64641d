import { randomUUID } from 'node:crypto'
import type { Digest } from '../../oci/digest.ts'

/** A descriptor as an event names it; `length` repeats `size` for older readers. */
export type Target = {
  mediaType?: string
  size?: number
  length?: number
  digest?: Digest | ''
  repository: string
  url?: string
  tag?: string
  references?: { mediaType: string; size: number; digest: Digest }[]
}

/** The request that an event came of. */
export type Asker = { addr: string; host: string; method: string; useragent: string }

/** https://distribution.github.io/distribution/about/notifications/#events */
export type RegistryEvent = {
  id: string
  timestamp: string
  action: 'push' | 'delete'
  target: Target
  request: Asker & { id: string }
  actor: Record<string, never>
  source: { addr: string; instanceID: string }
}

/** Makes events whose times always grow, in nanoseconds, as a registry's do: the newest push wins by them. */
export function eventMaker(addr: string): (action: 'push' | 'delete', target: Target, asker: Asker) => RegistryEvent {
  const instanceID = randomUUID()
  const offset = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint()
  let last = 0n
  return (action, target, asker) => {
    const now = offset + process.hrtime.bigint()
    last = now > last ? now : last + 1n
    return {
      id: randomUUID(),
      timestamp: formatNanoseconds(last),
      action,
      target,
      request: { id: randomUUID(), ...asker },
      actor: {},
      source: { addr, instanceID },
    }
  }
}

/** RFC 3339 with nine digits of a second. */
function formatNanoseconds(at: bigint): string {
  const seconds = new Date(Number(at / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(at % 1_000_000_000n).padStart(9, '0')}Z`
}
