import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Dockerd = {
  /** the value for DOCKER_HOST */
  host: string
  /** runs the docker command against this daemon, and gives what it printed */
  docker: (...args: string[]) => Promise<string>
  close: () => Promise<void>
}

const startSeconds = 60

/**
 * A real Docker daemon of our own, with its data in a temporary directory; registries on loopback need no TLS. It has a
 * bridge of its own and writes no firewall rules, so that another daemon on this machine keeps its network: one without a bridge would
 * delete docker0, and one that shares it would give away its addresses. `dataRoot`: a directory for its data, else one of its own.
 */
export async function startDockerd(dataRoot?: string): Promise<Dockerd> {
  const dir = mkdtempSync(join(tmpdir(), 'dockerd-'))
  const host = `unix://${dir}/socket`
  const log = openSync(join(dir, 'log'), 'w')
  const paths = [
    '--data-root',
    dataRoot ?? join(dir, 'data'),
    '--exec-root',
    join(dir, 'exec'),
    '--pidfile',
    join(dir, 'pid'),
  ]
  const bridge = await addBridge()
  const network = ['--bridge', bridge, '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false']
  const child = spawn('dockerd', ['-H', host, ...paths, ...network], { stdio: ['ignore', log, log] })
  closeSync(log)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const env = { PATH: process.env.PATH, DOCKER_HOST: host, DOCKER_CONFIG: dir, DOCKER_BUILDKIT: '0' }
  const docker = async (...args: string[]) => (await run('docker', args, { env })).stdout
  for (let tries = 0; !(await answers(docker)); tries++) {
    if (child.exitCode !== null || tries > startSeconds * 5) {
      child.kill('SIGKILL')
      await run('ip', ['link', 'delete', bridge])
      throw new Error(`dockerd did not start: ${readFileSync(join(dir, 'log'), 'utf8').slice(-2000)}`)
    }
    await delay(200)
  }
  return {
    host,
    docker,
    close: async () => {
      child.kill('SIGTERM')
      await exited
      await run('ip', ['link', 'delete', bridge])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A bridge of a new name, in the range that is set aside for tests of networks (RFC 2544). Part `docker` needs `ip`. */
async function addBridge(): Promise<string> {
  const [high = 0, low = 0] = randomBytes(2)
  const name = `dd-${randomBytes(4).toString('hex')}`
  await run('ip', ['link', 'add', name, 'type', 'bridge'])
  await run('ip', ['address', 'add', `198.${18 + (high % 2)}.${low}.1/24`, 'dev', name])
  await run('ip', ['link', 'set', name, 'up'])
  return name
}

async function answers(docker: Dockerd['docker']): Promise<boolean> {
  try {
    return (await docker('version', '--format', '{{.Server.Version}}')).trim() !== ''
  } catch {
    return false
  }
}
