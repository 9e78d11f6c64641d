import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'
import type { Config } from '../config.ts'
import { wildcard } from '../wildcard.ts'
import { ChannelError } from './channel-error.ts'

/**
 * In: an address that an owner of a namespace set. Out: whether it may be asked, at the time it is set and again at each connection.
 * Guarantees: what is not in `channels: allow` is asked over https, and never at an address that only this machine or its network can
 * reach; a name is judged by the addresses it has when the connection is made, and no other than a judged one is connected to.
 */
export type Reach = {
  /** Why it may not be asked, in words for its owner; null: nothing against it that can be seen without asking for its name. */
  fault(url: URL): string | null
  /** In place of the system's, for the connection to that address. Gives `channel-forbidden` where a name has no address that may be asked. */
  lookup(url: URL): LookupFunction
}

type Needs = Pick<Config, 'channels' | 'publicUrl' | 'host'>

/** Azure's host answers every machine there; of all such services the only one at a public address. */
const publicMetadata = ['168.63.129.16']

export function makeReach(config: Needs, resolve: typeof systemLookup = systemLookup): Reach {
  const globs = config.channels.allow.map((glob) => wildcard(glob.toLowerCase()))
  const isAllowed = (url: URL) => [hostOf(url), url.host].some((host) => globs.some((matches) => matches(host)))
  const ownNames = [hostOf(new URL(config.publicUrl)), config.host.toLowerCase()]
  return {
    fault(url) {
      if (!/^https?:$/.test(url.protocol)) return 'must be an address that starts with https://'
      if (url.username !== '' || url.password !== '') return 'must have no account'
      if (isAllowed(url)) return null
      if (url.protocol !== 'https:') return 'must start with https://'
      const host = hostOf(url)
      if (ownNames.includes(host)) return "is Drydock's own address"
      return ipaddr.isValid(host) && !isOpen(host) ? 'is an address that Drydock does not send to' : null
    },
    lookup: (url) => (isAllowed(url) ? (systemLookup as LookupFunction) : lookupOpen(resolve)),
  }
}

/** Without the brackets of IPv6, and the dot that a full name may end with. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')

const lookupOpen =
  (resolve: typeof systemLookup): LookupFunction =>
  (hostname, options, callback) =>
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, [])
      const open = found.filter(({ address }) => isOpen(address))
      const [first] = open
      if (!first)
        return callback(new ChannelError('channel-forbidden', 'that name has no address Drydock sends to'), [])
      if (options.all) callback(null, open)
      else callback(null, first.address, first.family)
    })

/** True of an address that anybody in the internet could send to, and that is none of this machine's. */
export function isOpen(address: string, own: readonly string[] = ownAddresses()): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address.replace(/%.*$/, ''))
  const inside = parsed instanceof ipaddr.IPv6 ? insideOf(parsed) : null
  if (inside !== null) return isOpen(inside, own)
  if (own.includes(parsed.toString()) || publicMetadata.includes(parsed.toString())) return false
  // `::a.b.c.d` is of a time before IPv6 addresses had ranges
  return (
    parsed.range() === 'unicast' && !(parsed instanceof ipaddr.IPv6 && parsed.parts.slice(0, 6).every((p) => p === 0))
  )
}

/** The IPv4 address that a translator makes of this one (RFC 6052, 2.1), which is how names without IPv6 look behind one. */
function insideOf(address: ipaddr.IPv6): string | null {
  if (!address.match(ipaddr.IPv6.parse('64:ff9b::'), 96)) return null
  return address.toByteArray().slice(12).join('.')
}

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((some) =>
    (some ?? []).map(({ address }) => ipaddr.process(address.replace(/%.*$/, '')).toString()),
  )
