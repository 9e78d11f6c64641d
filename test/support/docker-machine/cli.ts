/**
 * A stand-in for docker-machine 0.16: the same commands, outputs and files, and for a new machine a second dockerd on this one.
 * in: argv, MACHINE_STORAGE_PATH, faults (faults.ts). out: what the real one prints; exit code 0, or 1 with the reason on stderr.
 * guarantees: a daemon that was started is found again from the files alone, so that `rm` ends it whatever was killed meanwhile.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as tlsConnect } from 'node:tls'
import { makeCertificates } from './certificates.ts'
import { freePort, startDaemon, stopDaemon } from './daemon.ts'
import { atCreate, atRemove } from './faults.ts'
import { addMachine, certsDir, forgetMachine, type Machine, machineDir, machineNames, readMachine } from './store.ts'

const [command = 'help', ...rest] = process.argv.slice(2)
const flags = rest.filter((word) => word.startsWith('-'))
/** As the real one has it, the name is the last word: what a driver's flag takes is not known here. */
const named = (): string => {
  const name = rest.at(-1)
  if (!name || name.startsWith('-')) throw new Error('Error: Expected one machine name as an argument')
  return name
}
const has = (...names: string[]): boolean => names.some((name) => flags.includes(name))
const lastOf = (name: string): string | undefined => allOf(name).at(-1)
const allOf = (name: string): string[] =>
  rest.flatMap((word, i) =>
    word === name ? [rest[i + 1] ?? ''] : word.startsWith(`${name}=`) ? [word.slice(name.length + 1)] : [],
  )

async function create(): Promise<void> {
  const name = named()
  const driver = lastOf('--driver') ?? lastOf('-d') ?? 'virtualbox'
  if (!/^[a-zA-Z0-9][a-zA-Z0-9\-.]*$/.test(name))
    throw new Error(`Error creating machine: Invalid hostname specified: ${name}`)
  if (machineNames().includes(name)) throw new Error(`Docker machine "${name}" already exists`)
  console.log('Running pre-create checks...')
  const fault = atCreate(driver, rest)
  if (fault.failure) throw new Error(`Error with pre-create check: "${fault.failure}"`)
  await delay(fault.delayMs)
  console.log(`Creating machine...\n(${name}) Starting a daemon...`)
  const machine: Machine = { name, driver, port: await freePort(), insecure: allOf('--engine-insecure-registry') }
  makeCertificates(certsDir(), addMachine(machine))
  if (fault.hang === 'before') await forever()
  if (!fault.deaf) await startDaemon(machineDir(name), machine, certsDir())
  if (fault.hang === 'after') await forever()
  if (fault.deaf)
    throw new Error(
      `Error creating machine: Error running provisioning: Unable to verify the Docker daemon is listening: Maximum number of retries (10) exceeded`,
    )
  console.log('Docker is up and running!')
}

const forever = (): Promise<never> => new Promise(() => setInterval(() => undefined, 60_000))

/** config and env: both check that the daemon takes a TLS connection with these certificates. */
async function checked(): Promise<{ machine: Machine; url: string; dir: string }> {
  const machine = readMachine(named())
  const [url, dir] = [`tcp://127.0.0.1:${machine.port}`, machineDir(machine.name)]
  const options = {
    ca: pem(dir, 'ca'),
    cert: pem(dir, 'cert'),
    key: pem(dir, 'key'),
    host: '127.0.0.1',
    port: machine.port,
  }
  await new Promise<void>((resolve, reject) => {
    const socket = tlsConnect(options, () => {
      socket.end()
      resolve()
    })
    socket.setTimeout(5000, () => socket.destroy(new Error('i/o timeout')))
    socket.once('error', (error) => {
      const why = `There was an error validating certificates for host "127.0.0.1:${machine.port}": ${error.message}`
      reject(new Error(`Error checking TLS connection: Error checking and/or regenerating the certs: ${why}`))
    })
  })
  return { machine, url, dir }
}
const pem = (dir: string, name: string): Buffer => readFileSync(join(dir, `${name}.pem`))

async function config(): Promise<void> {
  const { url, dir } = await checked()
  const file = (name: string) => JSON.stringify(join(dir, `${name}.pem`))
  console.log(`--tlsverify\n--tlscacert=${file('ca')}\n--tlscert=${file('cert')}\n--tlskey=${file('key')}\n-H=${url}`)
}

async function env(): Promise<void> {
  const { machine, url, dir } = await checked()
  const pairs = [
    ['DOCKER_TLS_VERIFY', '1'],
    ['DOCKER_HOST', url],
    ['DOCKER_CERT_PATH', dir],
    ['DOCKER_MACHINE_NAME', machine.name],
  ]
  const shell = lastOf('--shell') ?? 'bash'
  const line = ([key, value]: string[]) =>
    shell === 'fish'
      ? `set -gx ${key} "${value}";`
      : shell === 'cmd'
        ? `SET ${key}=${value}`
        : `export ${key}="${value}"`
  console.log([...pairs.map(line), '# Run this command to configure your shell: '].join('\n'))
}

async function remove(): Promise<void> {
  const names = rest.filter((word) => !word.startsWith('-'))
  if (!has('-y', '-f', '--force')) throw new Error('this stand-in asks nobody: give -y')
  for (const name of names) {
    console.log(`About to remove ${name}`)
    if (has('-f', '--force') && !machineNames().includes(name)) {
      forgetMachine(name) // half a directory, as the real one forgets it
      continue
    }
    const machine = readMachine(name, 'Error removing host')
    const failure = atRemove(machine.driver)
    if (failure && !has('-f', '--force')) throw new Error(`Error removing host "${name}": ${failure}`)
    await stopDaemon(machineDir(name), machine)
    forgetMachine(name)
    console.log(`Successfully removed ${name}`)
  }
}

async function list(): Promise<void> {
  const names = machineNames()
  if (has('-q', '--quiet')) return print(names)
  const format = lastOf('--format') ?? '{{.Name}}\t{{.DriverName}}\t{{.State}}\t{{.URL}}'
  print(
    names.map((name) => {
      const { driver, port } = readMachine(name)
      const state = isRunning(name) ? 'Running' : 'Stopped'
      const shown: Record<string, string> = {
        Name: name,
        DriverName: driver,
        State: state,
        URL: `tcp://127.0.0.1:${port}`,
      }
      return format.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (_, key: string) => shown[key] ?? '')
    }),
  )
}
const print = (lines: string[]): void => lines.forEach((line) => void console.log(line))

const isRunning = (name: string): boolean => {
  try {
    process.kill(Number(readFileSync(join(machineDir(name), 'docker.pid'), 'utf8')), 0)
    return true
  } catch {
    return false
  }
}

const commands: Record<string, () => void | Promise<void>> = {
  create,
  config,
  env,
  rm: remove,
  ls: list,
  inspect: () => console.log(readFileSync(join(machineDir(readMachine(named()).name), 'config.json'), 'utf8')),
  status: () => console.log(isRunning(readMachine(named()).name) ? 'Running' : 'Stopped'),
  ip: () => console.log(readMachine(named()) && '127.0.0.1'),
  url: () => console.log(`tcp://127.0.0.1:${readMachine(named()).port}`),
  version: () => console.log('docker-machine version 0.16.2, build stand-in'),
  '--version': () => console.log('docker-machine version 0.16.2, build stand-in'),
}

try {
  const run = commands[command]
  if (!run) throw new Error(`docker-machine: '${command}' is not a command of this stand-in`)
  await run()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
