import { parseJson } from '../../oci/manifest.ts'
import { parseReference } from '../../oci/reference.ts'
import { BuildError } from '../build-error.ts'
import type { AllowedContents } from '../dockerfile-check/check-dockerfile.ts'
import { readDockerfile } from '../read-dockerfile.ts'
import { type BaseResolver, type Known, type ResolvedUse, resolveBases } from '../resolve-bases.ts'
import { docker, writeDockerConfig } from './docker-cli.ts'
import { codeOfPull, dockerRun, lastWords, pull, type Session } from './docker-session.ts'

/** What the daemon now holds for this build: what its Dockerfile may name, and what the triggers of its bases name beside it. */
export type PulledBases = { allowed: AllowedContents; triggered: ResolvedUse[] }

/**
 * Pulls each base with the build's own login, reads its ONBUILD triggers, and pulls what those name by digest too. Errors: those of `pull`
 * and `resolveBases`, and `onbuild-refused`.
 */
export async function pullBases(
  session: Session,
  uses: readonly ResolvedUse[],
  platform: string | null,
  resolve: { resolver: BaseResolver; known: Known },
  signal: AbortSignal,
): Promise<PulledBases> {
  const allowed = new Map<string, readonly string[]>()
  const pulls = new Map(uses.map((use) => [`${use.pull} ${use.platform}`, use]))
  for (const use of pulls.values()) {
    await pull(session, use.reference, use.pull, use.platform ?? platform, signal)
    const triggers = await triggersOf(session, use, platform, signal)
    allowed.set(use.pull, [...new Set([...(allowed.get(use.pull) ?? []), ...(use.triggers ?? []), ...triggers])])
  }
  const triggered: ResolvedUse[] = []
  for (const source of await readDockerfile(signal, 'sourcesOfTriggers', [...allowed.values()].flat())) {
    const reference = byDigest.test(source) ? parseReference(source) : null
    if (!reference || allowed.has(source)) continue
    const use = { reference, role: 'build' as const, counts: true, stage: 0, platform: null, start: 0, end: 0 }
    const resolved = await resolveBases(resolve.resolver, [use], resolve.known)
    if (session.isShared && resolved.some(({ pull, digest }) => !pull.endsWith(digest)))
      throw new BuildError('onbuild-refused', `an ONBUILD trigger of a base names ${source}, an index: name a manifest`)
    triggered.push(...resolved)
    // A trigger stays as it is written: so the daemon must know it by that name.
    await pull(session, reference, source, platform, signal)
    allowed.set(source, [])
  }
  return { allowed, triggered }
}

/** A repository's content, whatever it is called; a tag before the digest is not looked at by Docker, and so by nobody. */
const byDigest = /^[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}$/i

/**
 * The ONBUILD triggers of a content that is on the daemon, as it reads them: Go merges keys that come twice. Of an index (a registry that nobody
 * configured) a daemon with containerd's store tells those of the platform only where it is asked for that, and since 28.
 */
async function triggersOf(
  session: Session,
  use: ResolvedUse,
  platform: string | null,
  signal: AbortSignal,
): Promise<string[]> {
  const run = dockerRun(session, await writeDockerConfig(session.job.dir, 'config-inspect', null), signal)
  const { serverVersion, clientVersion } = session.host
  const canAsk = [serverVersion, clientVersion].every((version) => Number.parseInt(version, 10) >= 28)
  const asked = use.platform ?? platform
  const flags = use.triggers === null && canAsk && asked !== null ? ['--platform', asked] : []
  const ran = await docker(['image', 'inspect', ...flags, '--format', '{{json .Config}}', use.pull], {
    ...run,
    onOutput: () => undefined,
  })
  if (ran.code !== 0) {
    const code = codeOfPull(ran.stderr) === 'platform-absent' ? 'platform-absent' : 'base-unreachable'
    throw new BuildError(code, lastWords(ran.stderr), { retryable: code === 'base-unreachable' })
  }
  const config = parseJson(Buffer.from(ran.stdout)) as { OnBuild?: string[] | null } | null | undefined
  if (config === undefined || (config === null && ran.stdout.trim() !== 'null'))
    throw new BuildError('base-invalid', `the config of ${use.pull} is too large to be read`)
  return config?.OnBuild ?? []
}
