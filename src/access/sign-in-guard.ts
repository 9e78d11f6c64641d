/**
 * in: attempts to sign in, and to show a Portus token, by name and by address. out: room for one more, or a refusal.
 * guarantees: an attempt counts before its password is looked at, so that many at once are no more than many in turn; at most two
 * passwords are hashed at once, and few wait.
 */
import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import pLimit from 'p-limit'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Deps } from '../deps.ts'
import { AccessError } from './access-error.ts'

/** Failures within `seconds`, for one name and for one address; of a process. */
export const attemptsAllowed = { name: 20, address: 60, seconds: 900 }
const hashing = { atOnce: 2, waiting: 30 }

export type Attempt = { name: string; address: string }
export type SignInGuard = {
  /** Counts it, or throws `too-many-attempts`. */
  attempt(attempt: Attempt): Promise<void>
  /** It was right: the name begins anew, and the address has not failed. */
  succeeded(attempt: Attempt): Promise<void>
  /** It could not be looked at: as if it had not been made. */
  withdrawn(attempt: Attempt): Promise<void>
  /** Runs what hashes a password in its turn, or throws `busy`. */
  hashing<T>(work: () => Promise<T>): Promise<T>
}

const guards = new WeakMap<object, SignInGuard>()

/** The one guard of a service. */
export function guardOf({ config }: Pick<Deps, 'config'>): SignInGuard {
  const known = guards.get(config)
  if (known) return known
  const made = makeGuard()
  guards.set(config, made)
  return made
}

export function makeGuard(): SignInGuard {
  const duration = attemptsAllowed.seconds
  const byName = new RateLimiterMemory({ keyPrefix: 'name', points: attemptsAllowed.name, duration })
  const byAddress = new RateLimiterMemory({ keyPrefix: 'address', points: attemptsAllowed.address, duration })
  const turn = pLimit(hashing.atOnce)
  return {
    async attempt({ name, address }) {
      await counted(byAddress, networkOf(address))
      await counted(byName, name)
    },
    async succeeded({ name, address }) {
      await byName.delete(name)
      await byAddress.reward(networkOf(address))
    },
    async withdrawn({ name, address }) {
      await byName.reward(name)
      await byAddress.reward(networkOf(address))
    },
    hashing(work) {
      if (turn.pendingCount >= hashing.waiting)
        throw new AccessError('busy', 'too many sign in at this moment: try again in some seconds')
      return turn(work)
    },
  }
}

async function counted(limiter: RateLimiterMemory, key: string): Promise<void> {
  await limiter.consume(key).catch((refused: unknown) => {
    if (!(refused instanceof RateLimiterRes)) throw refused
    const minutes = Math.ceil(refused.msBeforeNext / 60_000)
    throw new AccessError('too-many-attempts', `too many wrong attempts: try again in ${minutes} min`)
  })
}

/** Whoever has one address of IPv6 has all that share its first 64 bits (RFC 6177). */
function networkOf(address: string): string {
  const text = address.replace(/%.*$/, '')
  if (!isIPv6(text)) return address
  const { parts } = ipaddr.IPv6.parse(text)
  const mapped = ipaddr.process(text)
  return mapped.kind() === 'ipv4' ? mapped.toString() : parts.slice(0, 4).join(':')
}
