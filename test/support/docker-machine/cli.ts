/**
 * A stand-in for docker-machine 0.16: the same commands, outputs and files, and for a new machine a second dockerd on this one.
 * in: argv, MACHINE_STORAGE_PATH, faults (faults.ts). out: what the real one prints; exit code 0, 3 where the cloud was not asked yet,
 * else 1, with the reason on stderr. guarantees: a daemon that was started is found again from the files alone.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { create, Failure } from './create.ts'
import { remove, sweep } from './remove.ts'
import { certsDir, instanceDir, isReadable, type Machine, machineDir, machineNames, readMachine } from './store.ts'

const [command = 'help', ...rest] = process.argv.slice(2)
const flags = rest.filter((word) => word.startsWith('-'))
/** The name is the last word: what a driver's flag takes is not known here. */
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

/** Driver `none` without `--url`, an error of the real one, makes a machine as every other driver does. */
const createAsked = (): Promise<void> => {
  const driver = lastOf('--driver') ?? lastOf('-d') ?? 'virtualbox'
  const url = driver === 'none' ? (lastOf('--url') ?? null) : null
  return create({ name: named(), driver, url, insecure: allOf('--engine-insecure-registry'), args: rest })
}

/** config and env: both check that the daemon takes a TLS connection with the store's certificates (libmachine/check/check.go). */
async function checked(failed: string): Promise<{ machine: Machine; url: string; dir: string }> {
  const machine = readMachine(named())
  const [url, dir] = [machine.url, machineDir(machine.name)]
  const { hostname: host, port } = new URL(url === '' ? 'tcp://127.0.0.1:1' : url)
  const why = (error: unknown) =>
    `There was an error validating certificates for host "${host}:${port}": ${error instanceof Error ? error.message : error}
You can attempt to regenerate them using 'docker-machine regenerate-certs [name]'.
Be advised that this will trigger a Docker daemon restart which might stop running containers.\n`
  await new Promise<void>((resolve, reject) => {
    const socket = tlsConnect({ ...certificates(), host, port: Number(port) }, () => {
      socket.end()
      resolve()
    })
    socket.setTimeout(5000, () => socket.destroy(new Error('i/o timeout')))
    socket.once('error', reject)
  }).catch((error: unknown) => {
    throw new Error(`${failed}: Error checking and/or regenerating the certs: ${why(error)}`)
  })
  return { machine, url, dir }
}
const certificates = () => ({ ca: pem('ca'), cert: pem('cert'), key: pem('key') })
const pem = (name: string): Buffer => readFileSync(join(certsDir(), `${name}.pem`))

async function config(): Promise<void> {
  const { url, dir } = await checked('Error running connection boilerplate')
  const file = (name: string) => JSON.stringify(join(dir, `${name}.pem`))
  console.log(`--tlsverify\n--tlscacert=${file('ca')}\n--tlscert=${file('cert')}\n--tlskey=${file('key')}\n-H=${url}`)
}

async function env(): Promise<void> {
  const { machine, url, dir } = await checked('Error checking TLS connection')
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
  const hint = ['# Run this command to configure your shell: ', `# eval $(docker-machine env ${machine.name})`]
  console.log([...pairs.map(line), ...hint].join('\n'))
}

/** What cannot be read is left out of the names, as in `ls -q` of commands/ls.go. */
function list(): void {
  const names = machineNames().filter(isReadable)
  const format = lastOf('--format') ?? '{{.Name}}\t{{.DriverName}}\t{{.State}}\t{{.URL}}'
  for (const name of names) {
    const machine = readMachine(name)
    const shown: Record<string, string> = {
      Name: name,
      DriverName: machine.driver,
      State: stateOf(machine),
      URL: machine.url,
    }
    console.log(
      has('-q', '--quiet') ? name : format.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (_, key: string) => shown[key] ?? ''),
    )
  }
}

function stateOf({ instance, url }: Machine): string {
  if (!instance) return url === '' ? 'Error' : 'Running'
  const file = join(instanceDir(instance), 'docker.pid')
  return existsSync(file) && existsSync(`/proc/${readFileSync(file, 'utf8').trim()}`) ? 'Running' : 'Stopped'
}

const commands: Record<string, () => void | Promise<void>> = {
  create: createAsked,
  config,
  env,
  rm: () =>
    remove(
      rest.filter((word) => !word.startsWith('-')),
      has('-y'),
      has('-f', '--force'),
    ),
  ls: list,
  inspect: () => console.log(readFileSync(join(machineDir(readMachine(named()).name), 'config.json'), 'utf8')),
  status: () => console.log(stateOf(readMachine(named()))),
  ip: () => console.log(readMachine(named()) && '127.0.0.1'),
  url: () => console.log(readMachine(named()).url),
  version: () => console.log('docker-machine version 0.16.2, build stand-in'),
  '--version': () => console.log('docker-machine version 0.16.2, build stand-in'),
  sweep,
}

try {
  const run = commands[command]
  if (!run)
    throw new Error(`docker-machine: '${command}' is not a docker-machine command. See 'docker-machine --help'.`)
  await run()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = error instanceof Failure ? error.exitCode : 1
}
