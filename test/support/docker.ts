import { execFile, spawn } from 'node:child_process'
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
 * A real Docker daemon of our own, with its data in a temporary directory; registries on loopback need no TLS. It has no network for
 * containers, and so leaves the machine's bridges and firewall alone, unless `bridge` asks for Docker's own: BuildKit runs nothing without.
 */
export async function startDockerd(options: { bridge?: boolean } = {}): Promise<Dockerd> {
  const dir = mkdtempSync(join(tmpdir(), 'dockerd-'))
  const host = `unix://${dir}/socket`
  const log = openSync(join(dir, 'log'), 'w')
  const paths = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--pidfile', join(dir, 'pid')]
  const network = options.bridge ? [] : ['--bridge=none', '--iptables=false', '--ip6tables=false']
  const child = spawn('dockerd', ['-H', host, ...paths, ...network], {
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const env = { PATH: process.env.PATH, DOCKER_HOST: host, DOCKER_CONFIG: dir, DOCKER_BUILDKIT: '0' }
  const docker = async (...args: string[]) => (await run('docker', args, { env })).stdout
  for (let tries = 0; !(await answers(docker)); tries++) {
    if (child.exitCode !== null || tries > startSeconds * 5) {
      child.kill('SIGKILL')
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
      rmSync(dir, { recursive: true, force: true })
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
