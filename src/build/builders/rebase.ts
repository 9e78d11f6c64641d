import type { Deps } from '../../deps.ts'
import type { Digest } from '../../oci/digest.ts'
import { contentName, parseReference, type Reference, tagRef } from '../../oci/reference.ts'
import type { RegistryClient } from '../../registry/registries.ts'
import { BuildError } from '../build-error.ts'
import { copyLayers } from '../copy-layers.ts'
import { type JobRegistries, jobRegistries } from '../job-registries.ts'
import { headOf, moveTag } from '../move-tag.ts'
import { oldBaseDigest } from '../old-base.ts'
import { type Blob, indexOf, type PlatformEntry } from '../published-manifest.ts'
import { pushRefused } from '../push-refused.ts'
import { type Opened, type Place, readLayered } from '../read-layered.ts'
import { chooseBase, type JudgedPlatform, type RebaseBase } from '../rebase-base.ts'
import { type Child, type ChildPart, readChild } from '../rebase-child.ts'
import { rebasedAnnotations, rebasedManifest } from '../rebase-manifest.ts'
import { rebaseMerge } from '../rebase-merge.ts'
import { denied } from '../resolve-bases.ts'
import type { Builder, BuilderContext, BuildJob, ResolvedBase } from './builder.ts'

type RebaseDeps = Pick<Deps, 'sql' | 'db' | 'registries' | 'clock' | 'config'>
type Session = { d: RebaseDeps; job: BuildJob; context: BuilderContext; registries: JobRegistries }
type Part = { manifest: Blob; config: Blob; layers: Opened['layers']; named: ChildPart['named'] }
/** `base.client` reads with the build's own login; `content`: what the tag will be at */
type Prepared = {
  own: RegistryClient
  base: Place
  child: Child
  parts: Part[]
  content: Blob
  bases: ResolvedBase[]
}

/**
 * Puts a tag on its base's new content through the registry alone. In comes a tag, of one platform or several; out goes the same with
 * layers that begin with the base's. Guarantees: nothing of the child is lost but attestations, nothing is guessed (several possible bases
 * are refused), no layer leaves its registry where the registry can mount it, and the base is read with the build's own logins.
 */
export const rebaseBuilder = (d: RebaseDeps): Builder => ({
  name: 'rebase',
  async run(job, context) {
    const registries = jobRegistries(d, job.logins, (secret, username) => context.log.hide(secret, username))
    const session = { d, job, context, registries }
    try {
      const prepared = await context.step('build', (signal) => prepare(session, signal))
      const { content, bases, child } = prepared
      await context.intend({ content: content.digest, bases, commit: null, previous: child.head })
      await context.step('push', (signal) =>
        push(session, prepared, signal).catch((error: unknown) => {
          throw pushRefused(error)
        }),
      )
      return { digest: content.digest, bases, commit: null }
    } finally {
      registries.close()
    }
  },
  async clean() {},
})

async function prepare(session: Session, signal: AbortSignal): Promise<Prepared> {
  const { d, job, context } = session
  const { target, recipe } = job
  const own = await clientFor(session, target, 'push')
  const child = await readChild({ ...target, client: own }, recipe.platforms, signal)
  const ref = tagRef(target.host, target.repository, target.tag)
  const verdict = await d.db.tag.findUnique({ where: { ref }, select: { platforms: true } })
  const judged = (verdict?.platforms ?? []) as (JudgedPlatform & { platform: string })[]
  const chosen = chooseBase(recipe.base ?? null, judged)
  const base = parseReference(chosen.name)
  if (!base?.tag) throw new BuildError('base-invalid', `${chosen.name} is no tag to rebase on`)
  const from = { ...base, client: await clientFor(session, base, 'pull') }
  const head = await baseHead(session, from, base, chosen.name, signal)
  context.log.write(`rebasing ${ref} (${child.head}) to ${chosen.name} at ${head}\n`)
  if (child.dropped > 0) context.log.write(`[attestations left out, they speak of what it was: ${child.dropped}]\n`)
  const parts = await Promise.all(
    child.parts.map((part) => {
      const rows = judged.filter((row) => child.parts.length === 1 || row.platform === part.platform)
      return rebasePart(session, { part, from, head, base: chooseBase(chosen.name, rows) }, signal)
    }),
  )
  const bases: ResolvedBase[] = [{ name: chosen.name, digest: head, role: 'runtime', pinned: false }]
  const annotations = rebasedAnnotations(child.annotations ?? {}, { name: chosen.name, digest: head }, job.annotations)
  const content = child.annotations === null ? parts[0]!.manifest : indexOf(entriesOf(parts), annotations, 'oci')
  return { own, base: from, child, parts, content, bases }
}

type Move = { part: ChildPart; from: Place; head: Digest; base: RebaseBase }

async function rebasePart(session: Session, { part, from, head, base }: Move, signal: AbortSignal): Promise<Part> {
  const { d, job, context } = session
  const { opened, platform, named } = part
  const read = (digest: string, absent: string) => readLayered(from, digest, { wanted: platform, absent, signal })
  const newBase = await read(head, 'base-absent')
  const content = { platform, diffIds: opened.config.rootfs.diff_ids }
  const oldDigest = await oldBaseDigest(d, content, base, newBase.layers.length)
  const oldBase = await read(oldDigest, 'old-base-absent')
  context.log.write(`${platform}: from ${base.name} at ${oldBase.head}\n`)
  const merged = rebaseMerge(opened, oldBase, newBase, d.clock().toISOString())
  const annotations = rebasedAnnotations(opened.annotations, { name: base.name, digest: head }, job.annotations)
  return {
    ...rebasedManifest(merged, annotations),
    layers: newBase.layers,
    named: named && renamed(named, merged.config),
  }
}

/** Of Windows the patch level is the new base's. */
const renamed = (named: NonNullable<ChildPart['named']>, config: { 'os.version'?: string }): typeof named =>
  config['os.version'] === undefined ? named : { ...named, 'os.version': config['os.version'] }

const entriesOf = (parts: readonly Part[]): PlatformEntry[] =>
  parts.map(({ manifest, named }) => ({ manifest, platform: named! }))

/** What the base's name points at now, or was given to us as. */
async function baseHead(
  { job }: Session,
  { client, repository }: Place,
  base: Reference,
  name: string,
  signal: AbortSignal,
): Promise<Digest> {
  const given = job.bases.find((one) => one.name === name)
  if (given) return given.digest
  try {
    const found = await client.headManifest(repository, base.tag ?? 'latest', { signal })
    if (found) return found.digest
  } catch (error) {
    throw denied(error, name)
  }
  throw new BuildError('base-absent', `the base ${contentName(base, base.tag ?? 'latest')} does not exist`)
}

async function push({ job }: Session, prepared: Prepared, signal: AbortSignal): Promise<void> {
  const { own, base, child, parts, content } = prepared
  const { target } = job
  const { repository } = target
  for (const { layers, config } of parts) {
    await copyLayers(layers, base, { ...target, client: own }, signal)
    signal.throwIfAborted()
    await own.uploadBlob(repository, config.digest, config.bytes, { signal })
  }
  signal.throwIfAborted()
  if ((await headOf(own, target, signal)) !== child.head) {
    throw new BuildError('tag-moved', 'somebody pushed the tag while it was rebased: that push stays', {
      retryable: true,
    })
  }
  if (child.annotations !== null)
    for (const { manifest } of parts) await own.putManifest(repository, manifest.digest, manifest, { signal })
  await moveTag(own, job, { content, previous: child.head, approve: async () => undefined }, signal)
}

async function clientFor(
  { d, registries }: Session,
  repository: Pick<Reference, 'host' | 'repository'>,
  use: 'pull' | 'push',
): Promise<RegistryClient> {
  const client = d.registries.byName(repository.host) ? await registries.client(repository, use) : null
  if (!client) throw new BuildError('base-unreachable', `no registry ${repository.host} is configured`)
  return client
}
