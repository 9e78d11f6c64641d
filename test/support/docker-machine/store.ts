import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** What is known of a machine: written before anything is started, so that half of one can be removed too. */
export type Machine = { name: string; driver: string; port: number; insecure: string[] }

/** Where the real one keeps its state. */
export const storePath = (): string => process.env.MACHINE_STORAGE_PATH || join(homedir(), '.docker/machine')
export const certsDir = (): string => join(storePath(), 'certs')
export const machineDir = (name: string): string => join(storePath(), 'machines', name)

export function machineNames(): string[] {
  const dir = join(storePath(), 'machines')
  return existsSync(dir) ? readdirSync(dir).filter((name) => existsSync(join(dir, name, 'config.json'))) : []
}

/** Writes config.json as `inspect` shows it; gives the machine's directory. */
export function addMachine(machine: Machine): string {
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
  const config = {
    ConfigVersion: 3,
    Driver: { IPAddress: '127.0.0.1', MachineName: machine.name, StorePath: storePath(), Port: machine.port },
    DriverName: machine.driver,
    HostOptions: { EngineOptions: { InsecureRegistry: machine.insecure, TlsVerify: true }, AuthOptions: auth },
    Name: machine.name,
  }
  writeFileSync(join(dir, 'config.json.new'), JSON.stringify(config, null, 4))
  renameSync(join(dir, 'config.json.new'), join(dir, 'config.json'))
  return dir
}

type Stored = {
  DriverName: string
  Driver: { Port: number }
  HostOptions: { EngineOptions: { InsecureRegistry: string[] } }
}

export function readMachine(name: string, doing = 'Error'): Machine {
  const file = join(machineDir(name), 'config.json')
  if (!existsSync(file)) {
    const more = 'Use "docker-machine ls" to list machines. Use "docker-machine create" to add a new one.'
    throw new Error(
      `${doing === 'Error' ? '' : `${doing} "${name}": `}Docker machine "${name}" does not exist. ${more}`,
    )
  }
  const { DriverName, Driver, HostOptions } = JSON.parse(readFileSync(file, 'utf8')) as Stored
  return { name, driver: DriverName, port: Driver.Port, insecure: HostOptions.EngineOptions.InsecureRegistry }
}

export const forgetMachine = (name: string): void => rmSync(machineDir(name), { recursive: true, force: true })
