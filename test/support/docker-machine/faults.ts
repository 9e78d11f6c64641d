import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { storePath } from './store.ts'

/** Words of real clouds, as their drivers print them. */
const quotas: Record<string, string> = {
  amazonec2:
    'Error launching instance: VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 32 allows',
  google: "googleapi: Error 403: Quota 'CPUS' exceeded. Limit: 24.0 in region europe-west1., quotaExceeded",
  azure:
    'Code="OperationNotAllowed" Message="Operation could not be completed as it results in exceeding approved Total Regional Cores quota."',
  digitalocean:
    'POST https://api.digitalocean.com/v2/droplets: 422 creating this/these droplet(s) will exceed your droplet limit',
  hetzner: 'could not create server: server limit exceeded (resource_limit_exceeded)',
  openstack:
    'Expected HTTP response code [202] but got 403 instead: {"forbidden": {"message": "Quota exceeded for cores: Requested 4, but already used 40 of 40 cores", "code": 403}}',
}

type Hang = 'cloud' | 'before' | 'after'
type Fault = { failure: string | null; unsaved: boolean; deaf: boolean; hang: Hang | null; delayMs: number }

/**
 * Faults come as driver flags or, for machines that are made with fixed flags, from the file `faults.json` in the store:
 * `--stand-in-fail N` (this creation and the next N-1 fail), `--stand-in-quota N` (the same, in the words of the driver's cloud),
 * `--stand-in-deaf N` (N daemons never come up), `--stand-in-hang cloud|before|after`: while the cloud makes it (it is there and nobody
 * has noted it), before or after its daemon starts; `--stand-in-delay MS` while the cloud makes it, `--stand-in-unsaved N` (N times the disk is
 * full when it is to be noted), `--stand-in-rm-fail N`, `--stand-in-rm-missing N` (the cloud knows it no more), `--stand-in-no-plugin 1`.
 */
export function atCreate(driver: string, args: readonly string[]): Fault {
  const asked = (name: string) => args.at(args.indexOf(`--stand-in-${name}`) + 1)
  const has = (name: string) => args.includes(`--stand-in-${name}`)
  const flag = (name: string) => (has(name) ? asked(name) : undefined)
  if (has('rm-fail')) count('rm-fail', Number(flag('rm-fail')))
  const hang = flag('hang') ?? setting('hang')
  return {
    failure: spend('quota', flag('quota'))
      ? (quotas[driver] ?? 'Quota exceeded')
      : spend('fail', flag('fail'))
        ? `the cloud said no to ${args.join(' ')}`
        : null,
    unsaved: spend('unsaved', flag('unsaved')),
    deaf: spend('deaf', flag('deaf')),
    hang: hang === 'cloud' || hang === 'before' || hang === 'after' ? hang : null,
    delayMs: Number(flag('delay') ?? setting('delay') ?? 0),
  }
}

/** What a driver says that cannot remove a machine now; null where it can. */
export function atRemove(driver: string): string | null {
  if (setting('no-plugin')) return noPlugin(driver)
  if (spend('rm-missing', undefined)) return 'Resource not found'
  return spend('rm-fail', undefined) ? 'RequestError: send request failed: dial tcp: i/o timeout' : null
}

/** Of libmachine/drivers/plugin/localbinary/plugin.go. */
export const noPlugin = (driver: string): string =>
  `Driver "${driver}" not found. Do you have the plugin binary "docker-machine-driver-${driver}" accessible in your PATH?`

/** Takes one of what is left of a fault; `first`: how many there are, told with the first creation. */
function spend(name: string, first: string | undefined): boolean {
  const left = Number(setting(name) ?? first ?? 0)
  if (left <= 0) return false
  count(name, left - 1)
  return true
}

const file = (): string => join(storePath(), 'faults.json')
const all = (): Record<string, string | number> =>
  existsSync(file()) ? (JSON.parse(readFileSync(file(), 'utf8')) as Record<string, string | number>) : {}
const setting = (name: string): string | number | undefined => all()[name]
const count = (name: string, left: number): void => writeFileSync(file(), JSON.stringify({ ...all(), [name]: left }))
