import { parseReference } from '../../oci/reference.ts'
import { BuildError } from '../build-error.ts'
import { type AllowedContents, sourcesOfTrigger } from '../dockerfile-check/check-dockerfile.ts'
import { type BaseResolver, type Known, type ResolvedUse, resolveBases } from '../resolve-bases.ts'
import { docker, writeDockerConfig } from './docker-cli.ts'
import { dockerRun, lastWords, pull, type Session } from './docker-session.ts'

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
    const triggers = await triggersOf(session, use.pull, signal)
    allowed.set(use.pull, [...new Set([...(allowed.get(use.pull) ?? []), ...triggers])])
  }
  const triggered: ResolvedUse[] = []
  for (const source of new Set([...allowed.values()].flat().flatMap(sourcesOfTrigger))) {
    const reference = byDigest.test(source) ? parseReference(source) : null
    if (!reference || allowed.has(source)) continue
    const use = { reference, role: 'build' as const, counts: true, stage: 0, platform: null, start: 0, end: 0 }
    triggered.push(...(await resolveBases(resolve.resolver, [use], resolve.known)))
    // A trigger stays as it is written: so the daemon must know it by that name.
    await pull(session, reference, source, platform, signal)
    allowed.set(source, [])
  }
  return { allowed, triggered }
}

/** A repository's content, whatever it is called; a tag before the digest is not looked at by Docker, and so by nobody. */
const byDigest = /^[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}$/i

/** The ONBUILD triggers of a content that is on the daemon. */
async function triggersOf(session: Session, content: string, signal: AbortSignal): Promise<string[]> {
  const run = dockerRun(session, await writeDockerConfig(session.job.dir, 'config-inspect', null), signal)
  const ran = await docker(['image', 'inspect', '--format', '{{json .Config}}', content], {
    ...run,
    onOutput: () => undefined,
  })
  if (ran.code !== 0) throw new BuildError('base-unreachable', lastWords(ran.stderr), { retryable: true })
  return (JSON.parse(ran.stdout) as { OnBuild?: string[] | null } | null)?.OnBuild ?? []
}
