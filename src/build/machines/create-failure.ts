export type CreateFailure = 'quota' | 'settings' | 'other'

/** How clouds say that no more machines may be made now, as their drivers print it. */
const quota: readonly RegExp[] = [
  // AWS, codes of EC2: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
  /\b(\w*LimitExceeded(Exception)?|MaxSpotInstanceCountExceeded|Insufficient(InstanceCapacity|HostCapacity|AddressCapacity|FreeAddressesInSubnet|ReservedInstanceCapacity)|UnfulfillableCapacity)\b/,
  // Google Compute Engine: reason `quotaExceeded`, code QUOTA_EXCEEDED or ZONE_RESOURCE_POOL_EXHAUSTED
  /\b(quotaExceeded|rateLimitExceeded|QUOTA_EXCEEDED|ZONE_RESOURCE_POOL_EXHAUSTED(_WITH_DETAILS)?)\b/,
  /\bQuota '[^']+' exceeded/i,
  // Azure: OperationNotAllowed is many things, of which those that name a quota are meant
  /\b(QuotaExceeded|SkuNotAvailable|AllocationFailed|ZonalAllocationFailed|OverconstrainedAllocationRequest)\b/,
  /exceeding approved .*(cores|quota)/i,
  // DigitalOcean, Linode, Vultr, Scaleway, Exoscale
  /will exceed your droplet limit/i,
  /\b(account|server|droplet|instance|linode|resource|machine|subscription)s? (limit|quota)s?( has been| was| is)? (reached|exceeded)/i,
  /\b(limit|quota)s? (reached|exceeded) (for|of) .*\b(servers?|instances?|droplets?|vms?|cores?|cpus?|ram|volumes?|addresses)\b/i,
  // Hetzner Cloud: https://docs.hetzner.cloud/#errors
  /\b(resource_limit_exceeded|rate_limit_exceeded|server_limit_exceeded|resource_unavailable)\b/,
  // OpenStack Nova, Rackspace
  /\bQuota exceeded\b/i,
  /\bTooManyInstances\b|\bNo valid host was found\b/,
  // too many questions, of any cloud: the machine was not made, and may be a little later
  /\bThrottling(Exception)?\b|\bToo ?Many ?Requests\b/i,
  // vSphere, VMware: a pool without memory or CPU left
  /\bInsufficientResourcesFault\b|insufficient (memory|cpu|host) resources/i,
]

/** What another try cannot mend: the command, the driver or its flags are wrong. */
const settings: readonly RegExp[] = [
  /flag provided but not defined/i,
  /Driver "[^"]*" not found/i,
  /Do you have the plugin binary/i,
  /flag needs an argument|invalid value "[^"]*" for flag/i,
  /Found extra arguments|No machine name specified|Invalid hostname specified|incompatible API version/i,
  // a driver that misses a flag, or does not understand one: no cloud was asked for that
  /Error setting machine configuration from flags provided: .*(requires?|required|mandatory|must|specify|either|invalid|unknown|unsupported)/i,
]

/** Of what kind a failed `create` is, by what it printed. */
export function createFailure(output: string): CreateFailure {
  if (settings.some((pattern) => pattern.test(output))) return 'settings'
  return quota.some((pattern) => pattern.test(output)) ? 'quota' : 'other'
}

/** Milliseconds before the next try: `first`, doubled with each failure before, up to `most`. `failures` from 1. */
export const backOffMs = (failures: number, first: number, most: number): number =>
  Math.min(most, first * 2 ** Math.min(failures - 1, 20))
