import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** What docker-machine knows of a machine. `instance`: what the cloud called it, not known before the cloud has answered. */
export type Machine = {
  name: string
  driver: string
  instance: string | null
  port: number
  url: string
  insecure: string[]
}

/** Where the real one keeps its state. */
export const storePath = (): string => process.env.MACHINE_STORAGE_PATH || join(homedir(), '.docker/machine')
export const certsDir = (): string => join(storePath(), 'certs')
export const machineDir = (name: string): string => join(storePath(), 'machines', name)

/** The "cloud": a directory for each instance, outside of what docker-machine knows. */
export const cloudDir = (): string => join(storePath(), 'cloud')
export const instanceDir = (instance: string): string => join(cloudDir(), instance)

/** All that has a directory, as `List` of libmachine/persist/filestore.go. */
export function machineNames(): string[] {
  const dir = join(storePath(), 'machines')
  if (!existsSync(dir)) return []
  return readdirSync(dir).filter((name) => !name.startsWith('.') && statSync(join(dir, name)).isDirectory())
}

/** Writes config.json, as `Save` of filestore.go does: the first time in place, later by a file beside it. Gives the machine's directory. */
export function saveMachine(machine: Machine): string {
  const dir = machineDir(machine.name)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const certs = certsDir()
  const auth = {
    CertDir: certs,
    CaCertPath: join(certs, 'ca.pem'),
    ClientKeyPath: join(certs, 'key.pem'),
    ClientCertPath: join(certs, 'cert.pem'),
    StorePath: dir,
  }
  const { name, driver, instance, port, url, insecure } = machine
  const config = {
    ConfigVersion: 3,
    Driver: {
      ...{ IPAddress: '127.0.0.1', MachineName: name, StorePath: storePath() },
      ...{ InstanceId: instance, Port: port, URL: url },
    },
    DriverName: driver,
    HostOptions: { EngineOptions: { InsecureRegistry: insecure, TlsVerify: true }, AuthOptions: auth },
    Name: name,
  }
  const [file, text] = [join(dir, 'config.json'), JSON.stringify(config, null, 4)]
  if (!existsSync(file)) writeFileSync(file, text, { mode: 0o600 })
  else {
    const beside = `${file}.tmp${process.pid}`
    writeFileSync(beside, text, { mode: 0o600 })
    rmSync(file)
    renameSync(beside, file)
  }
  return dir
}

type Stored = {
  DriverName: string
  Driver: { InstanceId: string | null; Port: number; URL: string }
  HostOptions: { EngineOptions: { InsecureRegistry: string[] } }
}

/** `Load` of filestore.go, with its words (libmachine/mcnerror/errors.go). */
export function readMachine(name: string): Machine {
  const more = 'Use "docker-machine ls" to list machines. Use "docker-machine create" to add a new one.'
  if (!existsSync(machineDir(name))) throw new Error(`Docker machine "${name}" does not exist. ${more}`)
  const file = join(machineDir(name), 'config.json')
  if (!existsSync(file)) throw new Error(`open ${file}: no such file or directory`)
  let stored: Stored
  try {
    stored = JSON.parse(readFileSync(file, 'utf8')) as Stored
  } catch {
    throw new Error('Error getting migrated host: unexpected end of JSON input')
  }
  const { DriverName, Driver, HostOptions } = stored
  return {
    ...{ name, driver: DriverName, instance: Driver.InstanceId, port: Driver.Port, url: Driver.URL },
    insecure: HostOptions.EngineOptions.InsecureRegistry,
  }
}

export const isReadable = (name: string): boolean => {
  try {
    readMachine(name)
    return true
  } catch {
    return false
  }
}

export const forgetMachine = (name: string): void => rmSync(machineDir(name), { recursive: true, force: true })
