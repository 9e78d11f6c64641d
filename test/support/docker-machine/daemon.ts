import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import { addBridge, deleteBridge } from '../bridge.ts'
import type { Machine } from './store.ts'

const startMs = 120_000
const endMs = 30_000

const bridgeOf = (name: string): string => `dm-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`

/**
 * Starts a dockerd that outlives this command, and waits until it answers over TLS. All it has is under `dir`, but its sockets;
 * `known` holds the server's and the client's certificates.
 */
export async function startDaemon(dir: string, machine: Machine, known: string, certs: string): Promise<void> {
  const bridge = bridgeOf(machine.name)
  addBridge(bridge)
  const log = openSync(join(dir, 'docker.log'), 'a')
  const paths = [
    '--data-root',
    join(dir, 'data'),
    '--exec-root',
    execRoot(machine.name),
    '--pidfile',
    join(dir, 'docker.pid'),
  ]
  const network = ['--bridge', bridge, '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false']
  const pem = (name: string) => join(known, `${name}.pem`)
  const tls = [
    '--tlsverify',
    '--tlscacert',
    join(certs, 'ca.pem'),
    '--tlscert',
    pem('server'),
    '--tlskey',
    pem('server-key'),
  ]
  const insecure = machine.insecure.flatMap((registry) => ['--insecure-registry', registry])
  const listen = ['-H', `tcp://127.0.0.1:${machine.port}`, '-H', `unix://${socketOf(machine.name)}`]
  const child = spawn('dockerd', [...listen, ...tls, ...paths, ...network, ...insecure], {
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  child.unref()
  for (const end = Date.now() + startMs; !(await answersAsItself(known, machine)); await delay(50)) {
    if (child.exitCode === null && Date.now() < end) continue
    const said = readFileSync(join(dir, 'docker.log'), 'utf8').slice(-2000)
    throw new Error(`Error creating machine: Error running provisioning: dockerd did not start: ${said}`)
  }
}

/** Short: a UNIX socket's path holds about 100 characters. */
const execRoot = (name: string): string => `/run/${bridgeOf(name)}`

/** Not another daemon, that got the port first: ours would have no socket then. */
const answersAsItself = async (dir: string, { name, port }: Machine): Promise<boolean> =>
  (await answersLocally(socketOf(name))) && (await answers(dir, port))

const socketOf = (name: string): string => `${execRoot(name)}.sock`

const answersLocally = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    get({ socketPath, path: '/_ping', timeout: 5000 }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    }).once('error', () => resolve(false))
  })

function answers(dir: string, port: number): Promise<boolean> {
  const pem = (name: string) => readFileSync(join(dir, `${name}.pem`))
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca: pem('ca'), cert: pem('cert'), key: pem('key') }, () => {
      socket.write('GET /_ping HTTP/1.0\r\n\r\n')
    })
    const end = (ok: boolean) => {
      socket.destroy()
      resolve(ok)
    }
    socket.setTimeout(5000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('data', (data) => end(data.toString().includes('200 OK')))
    socket.once('close', () => end(false))
  })
}

/** Ends the daemon with all it started, and takes away its bridge. What is gone already is fine. */
export async function stopDaemon(dir: string, machine: { name: string }): Promise<void> {
  const root = execRoot(machine.name)
  await end(pidIn(join(dir, 'docker.pid')), 'dockerd')
  await end(pidIn(join(root, 'containerd/containerd.pid')), 'containerd')
  for (const mount of mountsBelow(dir, root)) execFileSync('umount', ['--lazy', mount])
  rmSync(root, { recursive: true, force: true })
  rmSync(socketOf(machine.name), { force: true })
  if (existsSync(`/sys/class/net/${bridgeOf(machine.name)}`)) deleteBridge(bridgeOf(machine.name))
}

const mountsBelow = (...dirs: string[]): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => dirs.some((dir) => path.startsWith(`${dir}/`)))
    .reverse()

const pidIn = (file: string): number | null => (existsSync(file) ? Number(readFileSync(file, 'utf8')) || null : null)

/** Only a process of that name: a number may have been given to another since. */
async function end(pid: number | null, program: string): Promise<void> {
  const lives = () => pid !== null && existsSync(`/proc/${pid}/comm`) && !isZombie(pid) && nameOf(pid) === program
  for (const [signal, ms] of [
    ['SIGTERM', endMs],
    ['SIGKILL', endMs],
  ] as const) {
    if (!lives()) return
    process.kill(pid!, signal)
    for (const until = Date.now() + ms; lives() && Date.now() < until; ) await delay(50)
  }
}
const nameOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}
const isZombie = (pid: number): boolean => {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
