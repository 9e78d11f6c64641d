/**
 * in: one local content a platform, and who brings it into the registry (a daemon, under a staging tag).
 * out: the target tag at one OCI manifest, or an index of several, that says in annotations what it is made of and why.
 * guarantees: config and layers are the daemon's, byte for byte; `intend` comes before the tag moves, with the digest it moves to; one
 * push of the tag; no staging tag stays where the registry can remove it.
 */
import type { Digest } from '../oci/digest.ts'
import { isIndex } from '../oci/media-type.ts'
import { normalisePlatform, type Platform } from '../oci/platform.ts'
import type { FoundManifest } from '../registry/manifests.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { BuildError } from './build-error.ts'
import type { BuilderContext, BuildJob, PushIntent } from './builders/builder.ts'
import { holdsContent } from './find-pushed.ts'
import { headOf, moveTag } from './move-tag.ts'
import { annotatedManifest, type Blob, indexOf, type PlatformEntry, type PlatformObject } from './published-manifest.ts'
import { deleted, staysAsStaged } from './unstage.ts'

/**
 * One platform as it was built: `content` is the daemon's id of it. `platform` is null where the recipe names none. `push` brings it to
 * `staging`, a tag of the target's repository, and gives the digest it has there.
 */
export type BuiltPlatform = {
  platform: Platform | null
  content: Digest
  annotations: Readonly<Record<string, string>>
  staging: string
  push: (signal: AbortSignal) => Promise<Digest>
}

type Publishing = {
  client: RegistryClient
  job: BuildJob
  context: BuilderContext
  built: readonly BuiltPlatform[]
  intent: Pick<PushIntent, 'bases' | 'commit'>
  /** rejects where what was built may not become the tag; runs once the candidate is there, where the recipe asks for one */
  approve: () => Promise<void>
}

/** Gives the digest that the tag is at then. Errors: `push-mismatch`, and those of `push`, `approve`, the registry. */
export async function publish(p: Publishing, signal: AbortSignal): Promise<Digest> {
  const { client, job, context, intent, approve } = p
  const { content, staged } = await bringIn(p, signal)
  try {
    const previous = await headOf(client, job.target, signal)
    signal.throwIfAborted()
    await context.intend({ ...intent, content: content.digest, previous })
    await moveTag(client, job, { content, previous, approve }, signal)
  } finally {
    if (!signal.aborted) await removeStaging(p, staged, signal)
  }
  return content.digest
}

/** `staged`: what only stands under staging tags, and may go. Empty where the tag is to be at just that. */
async function bringIn(p: Publishing, signal: AbortSignal): Promise<{ content: Blob; staged: BuiltPlatform[] }> {
  const pushed: { part: BuiltPlatform; found: FoundManifest }[] = []
  for (const part of p.built)
    pushed.push({ part, found: await stagedManifest(p, part, await part.push(signal), signal) })
  try {
    const annotated = pushed.map(({ part, found }) => annotatedManifest(found.bytes, part.annotations))
    const content = await store(p, annotated, 'oci', signal)
    return { content, staged: pushed.map(({ part }) => part) }
  } catch (error) {
    if (!isRefusal(error)) throw error
    p.context.log.write(`[the registry takes no OCI manifest, so the annotations are left out: ${error.message}]\n`)
    const plain = pushed.map(({ found }) => found as Blob)
    return { content: await store(p, plain, 'docker', signal), staged: [] }
  }
}

/** The platforms' manifests under their digests, so that a registry that will not take them says so before anything depends on it. */
async function store(p: Publishing, made: Blob[], words: 'oci' | 'docker', signal: AbortSignal): Promise<Blob> {
  const { repository } = p.job.target
  const put = (manifest: Blob) => p.client.putManifest(repository, manifest.digest, manifest, { signal })
  if (words === 'oci') for (const manifest of made) await put(manifest)
  const [only] = made
  if (only && p.built.length === 1) return only
  const entries: PlatformEntry[] = []
  for (const manifest of made) entries.push({ manifest, platform: await platformOf(p, manifest, signal) })
  const index = indexOf(entries, shared(p.built.map((part) => part.annotations)), words)
  await put(index)
  return index
}

/** The local tag is the one thing a build shares with whoever else uses its daemon: what went out must be what was built. */
async function stagedManifest(
  { client, job }: Publishing,
  part: BuiltPlatform,
  digest: Digest,
  signal: AbortSignal,
): Promise<FoundManifest> {
  const { repository } = job.target
  const found = await client.getManifest(repository, digest, { signal })
  if (!found || !holdsContent(found, part.content)) {
    const message = `${digest} is not what was built: another push of ${part.staging} came between`
    throw new BuildError('push-mismatch', message, { retryable: true })
  }
  if (!isIndex(found.mediaType)) return found
  const { manifests } = JSON.parse(found.bytes.toString('utf8')) as {
    manifests: { digest: Digest; platform?: PlatformObject }[]
  }
  const named = manifests.filter(({ platform }) => platform !== undefined && platform.os !== 'unknown')
  const entry = named.find(({ platform }) => normalisePlatform(platform!) === part.platform) ?? named[0]
  const inner = entry && (await client.getManifest(repository, entry.digest, { signal }))
  if (!inner) throw new BuildError('push-mismatch', `${digest} is an index that names no platform`)
  return inner
}

const configBytes = 8 * 1024 * 1024

async function platformOf({ client, job }: Publishing, manifest: Blob, signal: AbortSignal): Promise<PlatformObject> {
  const { config } = JSON.parse(manifest.bytes.toString('utf8')) as { config: { digest: Digest } }
  const bytes = await client.getBlob(job.target.repository, config.digest, { maxBytes: configBytes, signal })
  if (!bytes) throw new BuildError('config-unreadable', `the registry has no config ${config.digest}`)
  const told = JSON.parse(bytes.toString('utf8')) as PlatformObject
  const { os, architecture, variant } = told
  const version = told['os.version'] === undefined ? {} : { 'os.version': told['os.version'] }
  return { os, architecture, ...(variant ? { variant } : {}), ...version }
}

/** What all platforms say alike holds of their index too. */
function shared(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = all
  return Object.fromEntries(
    Object.entries(first).filter(([key, value]) => others.every((other) => other[key] === value)),
  )
}

/** A registry that does not know a media type answers 415, or 400 as its manifest schema has it; a blob it lacks is another matter. */
const isRefusal = (error: unknown): error is RegistryError =>
  error instanceof RegistryError &&
  (error.status === 415 || error.status === 400) &&
  !/BLOB_UNKNOWN|DIGEST_INVALID/.test(error.message)

/** Never by digest: that would remove every tag on it. What fails here costs nothing but a tag that the next build takes again. */
async function removeStaging(
  { client, job, context }: Publishing,
  staged: readonly BuiltPlatform[],
  signal: AbortSignal,
): Promise<void> {
  const left: string[] = []
  for (const { staging } of staged) {
    if (!(await deleted(client, job.target.repository, staging, signal))) left.push(staging)
  }
  if (left.length > 0) context.log.write(staysAsStaged(left))
}
