import { lookup as resolve } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { place } from './exchange.ts'
import { isLoopback } from './loopback.ts'

/**
 * Where a question to a registry that only an image named may go: docs/adr/0003. `refuse` says why an address is not asked, or null;
 * `lookup` is for the connections and refuses what a name turns out to be.
 */
export type Guard = { refuse: (url: URL) => string | null; lookup: LookupFunction }

/** Nobody's registry: link-local (where clouds keep an instance's secrets), unspecified, and the clouds' other places for those. */
const never = new BlockList()
never.addSubnet('169.254.0.0', 16)
never.addSubnet('fe80::', 10, 'ipv6')
never.addSubnet('0.0.0.0', 8)
never.addAddress('::', 'ipv6')
never.addAddress('fd00:ec2::254', 'ipv6')
never.addAddress('100.100.100.200')
never.addAddress('168.63.129.16')

const ownMachine = new BlockList()
ownMachine.addSubnet('127.0.0.0', 8)
ownMachine.addAddress('::1', 'ipv6')

const holds = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** True where the host is an address that is never asked. Names are looked up when they are asked, and then refused. */
export function isNeverAsked({ hostname }: URL): boolean {
  const literal = hostname.replace(/^\[|\]$/g, '')
  return isIP(literal) > 0 && holds(never, literal)
}

/** For one registry: only it, and what it points at by https elsewhere; to this machine only where it is on this machine. */
export function makeGuard(registry: URL): Guard {
  const loopback = isLoopback(registry)
  const refused = (address: string) => holds(never, address) || (!loopback && holds(ownMachine, address))
  return {
    refuse(url) {
      const literal = url.hostname.replace(/^\[|\]$/g, '')
      if (url.protocol !== 'https:' && !(loopback && isLoopback(url))) return `${place(url)}: is not asked without TLS`
      if (isIP(literal) > 0 ? refused(literal) : !loopback && isLoopback(url)) return `${place(url)}: is never asked`
      return null
    },
    lookup(hostname, options, callback) {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, '', 0)
        const wrong = found.find(({ address }) => refused(address))
        if (wrong) return callback(new RefusedAddressError(hostname, wrong.address), '', 0)
        if (options.all) return callback(null, found)
        callback(null, found[0]!.address, found[0]!.family)
      })
    },
  }
}

/** A name that leads where nothing is asked. */
class RefusedAddressError extends Error {
  readonly code = 'refused-address'
  readonly retryable = false
  constructor(hostname: string, address: string) {
    super(`${hostname} is ${address}, which is never asked`)
  }
}
