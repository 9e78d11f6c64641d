import { type MachineKeeper, machineKeeper } from './machine-keeper.ts'
import type { MachineDeps } from './machine-park.ts'

/**
 * Who cares for machines in a process with the role `builder`. With another builder than docker-machine nobody is needed, but for machines
 * that were there before it was configured: they are removed, once their builds are over.
 */
export async function keeperFor(d: MachineDeps): Promise<MachineKeeper | null> {
  const { config } = d
  if (config.builder === 'docker-machine') return machineKeeper(d)
  if ((await d.sql`select from machine limit 1`).length === 0) return null
  d.log.warn({ builder: config.builder }, 'machines are there that this builder does not use: they are removed')
  return machineKeeper({ ...d, config: { ...config, machines: { ...config.machines, profiles: {} } } })
}
