import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { stopDaemon } from './daemon.ts'
import { atRemove } from './faults.ts'
import { cloudDir, forgetMachine, instanceDir, machineDir, readMachine } from './store.ts'

/**
 * `rm` as commands/rm.go has it: what the driver cannot remove stays known, unless forced; forced, nothing is an error. The driver
 * removes by the cloud's own name for the machine: without one, as amazonec2, it says so and does nothing.
 */
export async function remove(names: readonly string[], yes: boolean, force: boolean): Promise<void> {
  console.log(`About to remove ${names.join(', ')}`)
  console.log('WARNING: This action will delete both local reference and remote instance.')
  if (!yes && !force) return // it asks, and takes the end of standard input for a no
  const errors: string[] = []
  for (const name of names) {
    const failure = await removeRemote(name).catch((error: Error) => error.message)
    if (failure !== null) errors.push(`Error removing host "${name}": ${failure}`)
    if (failure !== null && !force) continue
    if (existsSync(machineDir(name))) {
      forgetMachine(name)
      console.log(`Successfully removed ${name}`)
    } else errors.push(`Can't remove "${name}"`)
  }
  if (force) for (const error of errors) console.error(error)
  else if (errors.length > 0) throw new Error(errors.join('\n'))
}

async function removeRemote(name: string): Promise<string | null> {
  const { driver, instance, url } = readMachine(name)
  const failure = atRemove(driver)
  if (failure) return failure
  if (instance) await endInstance(instance)
  else if (url === '')
    console.log(`(${name}) Missing instance ID, this is likely due to a failure during machine creation`)
  return null
}

async function endInstance(instance: string): Promise<void> {
  const dir = instanceDir(instance)
  if (!existsSync(dir)) return
  await stopDaemon(dir, { name: readFileSync(join(dir, 'name'), 'utf8') })
  rmSync(dir, { recursive: true, force: true })
}

/** Not of the real one: ends all that is in the cloud, also what nobody knows of. */
export async function sweep(): Promise<void> {
  for (const instance of existsSync(cloudDir()) ? readdirSync(cloudDir()) : []) await endInstance(instance)
}
