import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { formatReference, type Reference, tagRef } from '../../oci/reference.ts'
import { BuildError } from '../build-error.ts'
import type { CheckoutPaths } from '../checkout-paths.ts'
import type { BaseUse, UnresolvedUse } from '../dockerfile.ts'
import { gitSource } from '../dockerfile-check/judge-instruction.ts'
import { dockerfileText } from '../dockerfile-text.ts'
import { rewritten } from '../places.ts'
import { readDockerfile } from '../read-dockerfile.ts'
import { type Known, type ResolvedUse, resolveBases } from '../resolve-bases.ts'
import { apart, argFlags, checkArgs, checkSecrets } from './arg-flags.ts'
import { type DockerHost, docker, type Engine, engineFor, writeDockerConfig } from './docker-cli.ts'
import { localRepository } from './docker-hosts.ts'
import { layerNotes } from './docker-layers.ts'
import { dockerRun, lastWords, pull, type Session } from './docker-session.ts'
import { pullBases } from './pull-bases.ts'

/**
 * What was built for one platform: the digest of its config, the local tag it stands under (a daemon with containerd's store knows no content
 * by its config), and the bases it was given.
 */
export type LocalContent = { platform: string | null; content: Digest; localTag: string; uses: ResolvedUse[] }

/** Builds the recipe for one platform (null: the daemon's own). `known`: what names were found to be for other platforms of this build. */
export async function buildPlatform(
  session: Session,
  source: CheckoutPaths,
  platform: string | null,
  known: Known,
  signal: AbortSignal,
): Promise<LocalContent> {
  const { d, job, context, host, registries } = session
  const { args, target, secrets } = job.recipe
  checkArgs(args)
  checkSecrets(secrets, session.isShared)
  const text = await dockerfileText(source.dockerfile)
  const engine = engineFor(host, await readDockerfile(signal, 'needsBuildKit', text), secrets.length > 0)
  const builtin = builtinArgs(host, platform)
  const read = await readDockerfile(signal, 'readUses', text, args, builtin, target ?? null)
  // The legacy builder also builds stages that nothing needs, up to the one that is asked for.
  const isBuilt = (use: BaseUse | UnresolvedUse) => use.counts || (engine === 'legacy' && use.stage <= read.built)
  const open = read.unresolved.find(isBuilt)
  if (open) throw new BuildError('unresolved-arg', open.message)
  const resolver = {
    ...{ d, registries, given: job.bases, platform: platform ?? host.platform, isShared: session.isShared, signal },
    pullByName: (reference: Reference, asked: string | null) =>
      pullByName(session, reference, asked ?? platform, signal),
  }
  const uses = await resolveBases(resolver, read.uses.filter(isBuilt), known)
  for (const use of uses) context.log.write(`base ${formatReference(use.reference)} is ${use.digest} (${use.role})\n`)
  const pulled = await pullBases(session, uses, platform, { resolver, known }, signal)
  const unused = [...read.uses, ...read.unresolved].filter((use) => !isBuilt(use))
  const dockerfile = rewritten(text, [
    ...read.edits,
    ...uses.map((use) => ({ ...use, text: use.pull })),
    ...unused.map((use) => ({ ...use, text: nobodys })),
  ])
  const own = session.isShared ? [] : ownDaemons
  await readDockerfile(signal, 'checkDockerfile', dockerfile, new Map([...pulled.allowed, [nobodys, []], ...own]))

  const name = platform === null ? '1' : platform.replaceAll('/', '-')
  const file = await writeDockerfile(job.dir, name, source, dockerfile)
  const localTag = `${localRepository(job.id)}:${name}`
  const idFile = join(job.dir, `id-${name}`)
  const secretsDir = join(job.dir, 'secrets')
  const predefined = engine === 'legacy' ? await readDockerfile(signal, 'declaredArgs', builtin, text) : {}
  const given = argFlags({ ...predefined, ...args })
  try {
    const flags = [
      ...['--no-cache', '--force-rm', '--tag', localTag, '--file', file, '--iidfile', idFile],
      ...(engine === 'buildkit' ? ['--progress', 'plain'] : []),
      ...(host.buildkit === 'default' ? ['--provenance=false', '--sbom=false'] : []),
      ...(platform === null ? [] : ['--platform', platform]),
      ...(target === undefined ? [] : ['--target', target]),
      ...given.flags,
      ...(engine === 'buildkit' ? apart(session) : []),
      ...(await secretFlags(session, secretsDir)),
    ]
    await runBuild(session, engine, { args: [...flags, source.context], env: given.env }, signal)
  } finally {
    await rm(secretsDir, { recursive: true, force: true })
  }
  const content = parseDigest((await readFile(idFile, 'utf8')).trim())
  if (!content) throw new BuildError('build-failed', 'docker build told no id of what it built')
  return { platform, content, localTag, uses: [...uses, ...pulled.triggered] }
}

type Command = { args: string[]; env: Record<string, string> }

async function runBuild(session: Session, engine: Engine, { args, env }: Command, signal: AbortSignal): Promise<void> {
  const configDir = await writeDockerConfig(session.job.dir, 'config-build', null)
  const run = dockerRun(session, configDir, signal)
  const layers = engine === 'legacy' ? layerNotes(session.job.dir) : null
  const onOutput = (text: string) => {
    run.onOutput?.(text)
    layers?.read(text)
  }
  const ran = await docker(['build', ...args], { ...run, engine, env, onOutput })
  await layers?.written()
  if (ran.code === 0) return
  const words = lastWords(ran.stderr)
  // Not the recipe's fault: of the daemon's disk, or of ours.
  if (/no space left on device/i.test(words)) throw new BuildError('disk-full', words, { retryable: true })
  throw new BuildError('build-failed', words || `docker build exited with ${ran.code}`)
}

/** What else a Dockerfile may take on a daemon that no other build uses. */
const ownDaemons: [string, string[]][] = [[gitSource, []]]

/** What a stage begins with that is not built: a content that no daemon has and no registry serves. */
const nobodys = `drydock.invalid/unused@sha256:${'0'.repeat(64)}`

/** The Dockerfile as Docker gets it, beside it the .dockerignore that belongs to it. */
async function writeDockerfile(
  jobDir: string,
  name: string,
  source: Pick<CheckoutPaths, 'dockerfile' | 'ignoreFile'>,
  text: string,
): Promise<string> {
  const dir = join(jobDir, `dockerfile-${name}`)
  await mkdir(dir, { mode: 0o700 })
  const file = join(dir, basename(source.dockerfile))
  await writeFile(file, text)
  if (source.ignoreFile) await cp(source.ignoreFile, `${file}.dockerignore`)
  return file
}

/** Each secret in a file of its own that only we can read; in no argument, and masked in the log. */
async function secretFlags({ job, context }: Session, dir: string): Promise<string[]> {
  const flags: string[] = []
  if (job.recipe.secrets.length > 0) await mkdir(dir, { mode: 0o700 })
  for (const [at, { id, credential }] of job.recipe.secrets.entries()) {
    const text = await job.logins.secret(credential)
    context.log.hide(text)
    const file = join(dir, String(at))
    await writeFile(file, text, { mode: 0o600 })
    flags.push('--secret', `id=${id},src=${file}`)
  }
  return flags
}

/** BuildKit predefines these in FROM lines; for the legacy builder they are written out. */
function builtinArgs(host: DockerHost, platform: string | null): Record<string, string> {
  const named = (prefix: string, text: string) => {
    const [os = '', arch = '', variant = ''] = text.split('/')
    return { [`${prefix}PLATFORM`]: text, [`${prefix}OS`]: os, [`${prefix}ARCH`]: arch, [`${prefix}VARIANT`]: variant }
  }
  return { ...named('BUILD', host.platform), ...named('TARGET', platform ?? host.platform) }
}

/** For a registry nobody configured: the daemon asks it, and says which content it got. */
async function pullByName(
  session: Session,
  reference: Reference,
  platform: string | null,
  signal: AbortSignal,
): Promise<Digest> {
  const name = tagRef(reference.host, reference.repository, reference.tag ?? 'latest')
  const said = await pull(session, reference, name, platform, signal)
  const digest = parseDigest(/^Digest: (\S+)$/m.exec(said)?.[1])
  if (!digest) throw new BuildError('base-unreachable', `docker pull told no digest of ${name}`)
  return digest
}
