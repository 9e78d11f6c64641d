import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuildError } from '../build-error.ts'
import { dockerEnv, dockerPlugins } from '../child-env.ts'
import { type Ran, runProcess } from '../run-process.ts'
import type { DockerEndpoint } from './docker-hosts.ts'

/**
 * A daemon that answered. `platform` is its own, os/architecture, of ARM before v7 with the variant. `buildkit`: whether `docker build` uses BuildKit by itself (buildx is
 * there), can be told to (a CLI before 23 has it built in), or cannot.
 */
export type DockerHost = {
  serverVersion: string
  clientVersion: string
  platform: string
  buildkit: 'default' | 'on-demand' | 'absent'
}

export type Engine = 'buildkit' | 'legacy'

export type DockerRun = {
  signal: AbortSignal
  /** holds DOCKER_CONFIG: the only credentials and contexts the command knows */
  configDir: string
  /** the daemon; default: the one our own environment names */
  endpoint?: DockerEndpoint
  engine?: Engine
  /** build arguments, whose names mean nothing to the command (arg-flags.ts) */
  env?: Readonly<Record<string, string>>
  onOutput?: (text: string) => void
  notesDir?: string
}

/** Runs the docker CLI. It sees its endpoint, else our DOCKER_HOST, but neither our own docker configuration nor any other variable. */
export function docker(args: readonly string[], run: DockerRun): Promise<Ran> {
  const env = dockerEnv(run.endpoint?.env ?? {}, {
    ...run.env,
    HOME: run.configDir,
    DOCKER_CONFIG: run.configDir,
    DOCKER_CLI_HINTS: 'false',
    BUILDX_BUILDER: 'default',
    ...(run.engine ? { DOCKER_BUILDKIT: run.engine === 'buildkit' ? '1' : '0' } : {}),
  })
  const { signal, onOutput, notesDir } = run
  return runProcess('docker', args, {
    env,
    signal,
    ...(onOutput ? { onOutput } : {}),
    ...(notesDir ? { notesDir } : {}),
  })
}

/** A DOCKER_CONFIG of one login, or of none, in a directory of its own under `dir`. Of ours it has only where plugins (buildx) are. */
export async function writeDockerConfig(
  dir: string,
  name: string,
  login: { host: string; username: string; password: string } | null,
): Promise<string> {
  const configDir = join(dir, name)
  await mkdir(configDir, { recursive: true, mode: 0o700 })
  const host = login?.host === 'docker.io' ? 'https://index.docker.io/v1/' : login?.host
  const auth = login && Buffer.from(`${login.username}:${login.password}`).toString('base64')
  const config = { auths: host ? { [host]: { auth } } : {}, cliPluginsExtraDirs: dockerPlugins() }
  await writeFile(join(configDir, 'config.json'), JSON.stringify(config), { mode: 0o600 })
  return configDir
}

const probeMs = 10_000

/** Asks the daemon (default: that of `DOCKER_HOST` or the default socket) what it is, and how the CLI can build there. Error: `docker-absent`. */
export async function findDocker(
  configDir: string,
  signal: AbortSignal,
  endpoint: DockerEndpoint = { env: {} },
): Promise<DockerHost> {
  const run = { configDir, signal, endpoint }
  const version = await docker(['version', '--format', '{{json .}}'], run).catch((cause) => {
    throw new BuildError('docker-absent', 'the docker command cannot be run', { retryable: true, cause })
  })
  const said = version.code === 0 ? (JSON.parse(version.stdout) as DockerVersion) : null
  if (!said?.Server) {
    const why = version.stderr.trim().split('\n').at(-1) ?? ''
    throw new BuildError('docker-absent', `no docker daemon answers (${why})`, { retryable: true })
  }
  const buildx = (await docker(['buildx', 'version'], run)).code === 0
  const builtIn = Number.parseInt(said.Client.Version, 10) < 23
  return {
    serverVersion: said.Server.Version,
    clientVersion: said.Client.Version,
    platform: await platformOf(said.Server, run),
    buildkit: buildx ? 'default' : builtIn ? 'on-demand' : 'absent',
  }
}

/** Go's name for the architecture is the same for every ARM of 32 bits; what the kernel calls it is not. */
async function platformOf({ Os, Arch }: { Os: string; Arch: string }, run: DockerRun): Promise<string> {
  const plain = `${Os}/${Arch}`
  if (Arch !== 'arm') return plain
  const { stdout } = await docker(['info', '--format', '{{.Architecture}}'], run)
  return withVariant(plain, stdout.trim())
}

/** `machine`: as `uname -m` says it, `armv6l`. */
export function withVariant(platform: string, machine: string): string {
  const variant = /^arm(v[56])/.exec(machine)?.[1]
  return variant ? `${platform}/${variant}` : platform
}

/** What `docker build` would choose there by itself, but BuildKit for what only BuildKit understands. Error: `buildkit-absent`. */
export function engineFor(host: Pick<DockerHost, 'buildkit'>, isNeeded: boolean, secrets = false): Engine {
  if (host.buildkit === 'default') return 'buildkit'
  if (!secrets && !isNeeded) return 'legacy'
  if (host.buildkit === 'on-demand') return 'buildkit'
  const what = secrets ? 'build secrets need' : 'the Dockerfile needs'
  throw new BuildError('buildkit-absent', `${what} BuildKit, and the docker command here has no buildx`)
}

type DockerVersion = {
  Client: { Version: string }
  Server?: { Version: string; Os: string; Arch: string } | null
}

/** Whether a daemon answers, as a value: for the choice of a default builder and for `doctor`. */
export async function probeDocker(): Promise<{ ok: true; host: DockerHost } | { ok: false; reason: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'drydock-probe-'))
  try {
    const configDir = await writeDockerConfig(dir, 'config', null)
    return { ok: true, host: await findDocker(configDir, AbortSignal.timeout(probeMs)) }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
