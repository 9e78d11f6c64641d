import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { addBridge, deleteBridge } from './bridge.ts'

const run = promisify(execFile)

export type Dockerd = {
  /** the value for DOCKER_HOST */
  host: string
  /** runs the docker command against this daemon, and gives what it printed */
  docker: (...args: string[]) => Promise<string>
  close: () => Promise<void>
}

const startSeconds = 120

/**
 * A real Docker daemon of our own, with its data in a temporary directory; registries on loopback need no TLS. It has a
 * bridge of its own (part `docker` needs `ip`) and writes no firewall rules, so that another daemon on this machine keeps its network. `dataRoot`: a directory for its data, else one of its own.
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
  const bridge = `dd-${randomBytes(4).toString('hex')}`
  addBridge(bridge)
  const network = ['--bridge', bridge, '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false']
  const child = spawn('dockerd', ['-H', host, ...paths, ...network], { stdio: ['ignore', log, log] })
  closeSync(log)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const env = { PATH: process.env.PATH, DOCKER_HOST: host, DOCKER_CONFIG: dir, DOCKER_BUILDKIT: '0' }
  const docker = async (...args: string[]) => (await run('docker', args, { env })).stdout
  for (const end = Date.now() + startSeconds * 1000; !(await answers(docker)); ) {
    if (child.exitCode !== null || Date.now() > end) {
      child.kill('SIGKILL')
      deleteBridge(bridge)
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
      deleteBridge(bridge)
      rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

async function answers(docker: Dockerd['docker']): Promise<boolean> {
  try {
    return (await docker('version', '--format', '{{.Server.Version}}')).trim() !== ''
  } catch {
    return false
  }
}
