import type { Deps } from '../../deps.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { parseReference, type Reference } from '../../oci/reference.ts'
import type { RegistryClient } from '../../registry/registries.ts'
import { BuildError } from '../build-error.ts'
import { copyLayers } from '../copy-layers.ts'
import { oldBaseDigest } from '../old-base.ts'
import { type Opened, readLayered } from '../read-layered.ts'
import { chooseBase, type JudgedPlatform } from '../rebase-base.ts'
import { type Blob, rebasedManifest } from '../rebase-manifest.ts'
import { rebaseMerge } from '../rebase-merge.ts'
import type { Builder, BuilderContext, BuildJob, ResolvedBase } from './builder.ts'

type RebaseDeps = Pick<Deps, 'sql' | 'db' | 'registries' | 'clock'>
type Prepared = {
  manifest: Blob
  config: Blob
  layers: Opened['layers']
  child: Digest
  base: Reference
  bases: ResolvedBase[]
}

/**
 * Puts a tag on its base's new content through the registry alone. In comes a tag that is one manifest; out goes a manifest whose
 * layers begin with the base's. Guarantees: nothing of the child is lost, nothing is guessed (several possible bases are refused),
 * and no layer leaves its registry where the registry can mount it.
 */
export const rebaseBuilder = (d: RebaseDeps): Builder => ({
  name: 'rebase',
  async run(job, context) {
    const prepared = await context.step('build', (signal) => prepare(d, job, context, signal))
    await context.intend({ content: prepared.config.digest, bases: prepared.bases, commit: null })
    await context.step('push', (signal) => push(d, job, prepared, signal))
    return { digest: prepared.manifest.digest, bases: prepared.bases, commit: null }
  },
  async clean() {},
})

async function prepare(d: RebaseDeps, job: BuildJob, context: BuilderContext, signal: AbortSignal): Promise<Prepared> {
  const { target, recipe } = job
  const own = clientFor(d, target.host)
  const child = await readLayered(own, target.repository, target.tag, { wanted: null, absent: 'tag-absent', signal })
  const asked = recipe.platforms[0]
  if (asked && asked !== child.platform) {
    throw new BuildError('platform-absent', `the recipe is for ${asked}, the tag is for ${child.platform}`)
  }
  const ref = `${target.host}/${target.repository}:${target.tag}`
  const verdict = await d.db.tag.findUnique({ where: { ref }, select: { platforms: true } })
  const chosen = chooseBase(recipe.base ?? null, (verdict?.platforms ?? []) as JudgedPlatform[])
  const base = parseReference(chosen.name)
  if (!base?.tag || !child.platform) throw new BuildError('base-invalid', `${chosen.name} is no tag to rebase on`)
  const bases = clientFor(d, base.host)
  const wanted = child.platform
  const newBase = await readLayered(bases, base.repository, base.tag, { wanted, absent: 'base-absent', signal })
  const content = { platform: wanted, diffIds: child.config.rootfs.diff_ids }
  const oldDigest = await oldBaseDigest(d, content, chosen, newBase.layers.length)
  const oldBase = await readLayered(bases, base.repository, oldDigest, { wanted, absent: 'old-base-absent', signal })
  context.log.write(`rebasing ${ref} (${child.head})\n  from ${chosen.name} at ${oldBase.head}\n  to ${newBase.head}\n`)
  const merged = rebaseMerge(child, oldBase, newBase, d.clock().toISOString())
  const made = rebasedManifest(merged, child.annotations, { name: chosen.name, digest: newBase.head })
  const resolved: ResolvedBase = { name: chosen.name, digest: newBase.head, role: 'runtime', pinned: false }
  return { ...made, layers: newBase.layers, child: child.head, base, bases: [resolved] }
}

async function push(d: RebaseDeps, job: BuildJob, prepared: Prepared, signal: AbortSignal): Promise<Digest> {
  const { target } = job
  const own = clientFor(d, target.host)
  const from = { client: clientFor(d, prepared.base.host), repository: prepared.base.repository }
  await copyLayers(prepared.layers, from, { client: own, repository: target.repository }, signal)
  signal.throwIfAborted()
  await own.uploadBlob(target.repository, prepared.config.digest, prepared.config.bytes, { signal })
  signal.throwIfAborted()
  if ((await own.headManifest(target.repository, target.tag, { signal }))?.digest !== prepared.child) {
    throw new BuildError('tag-moved', 'somebody pushed the tag while it was rebased: that push stays', {
      retryable: true,
    })
  }
  const { bytes, mediaType } = prepared.manifest
  const digest = await own.putManifest(target.repository, target.tag, { bytes, mediaType }, { signal })
  if (!isDigest(digest) || digest !== prepared.manifest.digest) {
    throw new BuildError('push-mismatch', `the registry stored ${digest} for ${prepared.manifest.digest}`)
  }
  return digest
}

function clientFor(d: RebaseDeps, host: string): RegistryClient {
  const client = d.registries.byName(host)
  if (!client) throw new BuildError('base-unreachable', `no registry ${host} is configured`)
  return client
}
