import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../free-port.ts'
import { bootstrapCertificates, serverCertificates } from './certificates.ts'
import { startDaemon } from './daemon.ts'
import { atCreate, noPlugin } from './faults.ts'
import { certsDir, instanceDir, type Machine, machineDir, machineNames, saveMachine } from './store.ts'

/** A failure with the code that the command then exits with. */
export class Failure extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

type Asked = { name: string; driver: string; url: string | null; insecure: string[]; args: readonly string[] }

/**
 * The steps, words and files of `create`, in the order of libmachine/libmachine.go: what the cloud calls the machine is written down
 * only once the driver has ended; a driver that failed has taken back what it made.
 */
export async function create({ name, driver, url, insecure, args }: Asked): Promise<void> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9\-.]*$/.test(name))
    throw new Error('Error creating machine: Invalid hostname specified. Allowed hostname chars are: 0-9a-zA-Z . -')
  if (driver === 'missing') throw new Error(noPlugin(driver))
  if (machineNames().includes(name)) throw new Error(`Docker machine "${name}" already exists`)
  bootstrapCertificates(certsDir(), console.log)
  console.log('Running pre-create checks...')
  const fault = atCreate(driver, args)
  if (fault.failure) throw new Failure(`Error with pre-create check: "${fault.failure}"`, 3)
  const asked: Machine = { name, driver, instance: null, port: 0, url: url ?? '', insecure }
  saveMachine(asked)
  console.log('Creating machine...')
  if (url === null) await makeMachine(asked, fault)
  else saveMachine(asked) // driver none: somebody's daemon, which nothing is done to
  console.log(
    `To see how to connect your Docker Client to the Docker Engine running on this virtual machine, run: docker-machine env ${name}`,
  )
}

async function makeMachine(asked: Machine, fault: ReturnType<typeof atCreate>): Promise<void> {
  const { name } = asked
  console.log(`(${name}) Launching instance...`)
  const instance = `i-${randomBytes(6).toString('hex')}`
  mkdirSync(instanceDir(instance), { recursive: true })
  writeFileSync(join(instanceDir(instance), 'name'), name)
  if (fault.hang === 'cloud') await forever()
  await delay(fault.delayMs)
  console.log(`(${name}) Waiting for the instance...`)
  if (fault.unsaved)
    throw new Error(
      `Error creating machine: Error saving host to store after attempting creation: write ${machineDir(name)}/config.json.tmp: no space left on device`,
    )
  const port = await freePort()
  const machine: Machine = { ...asked, instance, port, url: `tcp://127.0.0.1:${port}` }
  saveMachine(machine)
  console.log('Waiting for machine to be running, this may take a few minutes...')
  console.log('Provisioning with a stand-in...')
  if (fault.hang === 'before') await forever()
  serverCertificates(certsDir(), machineDir(name))
  if (!fault.deaf) await startDaemon(instanceDir(instance), machine, machineDir(name), certsDir())
  if (fault.hang === 'after') await forever()
  if (fault.deaf)
    throw new Error(
      'Error creating machine: Error running provisioning: Unable to verify the Docker daemon is listening: Maximum number of retries (10) exceeded',
    )
  console.log('Checking connection to Docker...\nDocker is up and running!')
}

const forever = (): Promise<never> => new Promise(() => setInterval(() => undefined, 60_000))
