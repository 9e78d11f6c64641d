import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import pLimit from 'p-limit'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { RegistryClient } from '../../src/registry/client.ts'
import type { Built } from './closure.ts'
import { annotationsOf, attestationOf, evidenceOf, type Resolved } from './evidence.ts'
import { fieldsOf, type Graph, type Group, keyOf, type Recipe, type Source, splitRef } from './graph.ts'

type Descriptor = { mediaType: string; digest: Digest; size: number }
/** An image as pushed. `entries`: what an index holds of it: itself and its attestation. */
type Image = Built & {
  source: string
  digest: Digest
  diffIds: Digest[]
  history: object[]
  layers: { descriptor: Descriptor; bytes: Buffer }[]
  entries: object[]
}
/** What a tag points at. */
export type Release = { digest: Digest; body: Buffer; images: Image[] }

const sha = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest
const json = (value: object) => Buffer.from(JSON.stringify(value))
const descriptor = (mediaType: string, bytes: Buffer): Descriptor => ({
  mediaType,
  digest: sha(bytes),
  size: bytes.length,
})
const width = 6

export type Replay = ReturnType<typeof makeReplay>

/** Builds and pushes the graph's images as real builders would, bases first. `pushes` counts the manifests that were pushed. */
export function makeReplay(graph: Graph, client: RegistryClient, host: string) {
  const tags = new Map<string, Release>()
  const held = new Set<string>()
  const first = new Map<Source, Image[]>()
  let pushes = 0

  const blob = async (repository: string, bytes: Buffer) => {
    const digest = sha(bytes)
    if (held.has(`${repository} ${digest}`)) return
    held.add(`${repository} ${digest}`)
    await client.uploadBlob(repository, digest, bytes)
  }
  const manifest = async (repository: string, reference: string, bytes: Buffer, mediaType: string) => {
    pushes += 1
    await client.putManifest(repository, reference, { bytes, mediaType })
  }

  /** Every name that points at this content now. */
  const namesAt = (platform: string, content: string): string[] =>
    [...tags]
      .filter(([, release]) => release.images.some((i) => i.platform === platform && i.content === content))
      .map(([name]) => name)

  async function buildImage(source: Source, recipe: Recipe, stamp: string): Promise<Image> {
    const [repository] = splitRef(source.tags[0]!)
    const platform = keyOf(recipe)
    const bases = recipe.froms.map((name): Resolved => {
      const release = tags.get(name)!
      const image = release.images.find((i) => i.platform === platform)
      if (!image) throw new Error(`${source.id}: ${name} has no ${platform}`)
      return { name, index: release.digest, image: image.digest, role: name === recipe.final ? 'runtime' : 'build' }
    })
    const imageOf = (name: string) => tags.get(name)!.images.find((i) => i.platform === platform)!
    const base = recipe.final === null ? null : imageOf(recipe.final)
    const evidence = evidenceOf(source.id, bases)
    const own = Buffer.from(`${source.id} ${recipe.platform} ${recipe.osVersion} ${stamp}`)
    const bytes = gzipSync(own)
    const layers = [...(base?.layers ?? []), { descriptor: descriptor(mediaTypes.ociLayer, bytes), bytes }]
    const created = new Date().toISOString()
    const diffIds = [...(base?.diffIds ?? []), sha(own)]
    const history = [...(base?.history ?? []), { created, created_by: `RUN make ${source.id} # ${stamp}` }]
    const config = json({
      created,
      ...fieldsOf(recipe),
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: diffIds },
      history,
    })
    for (const layer of layers) await blob(repository, layer.bytes)
    await blob(repository, config)
    const body = json({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: descriptor(mediaTypes.ociConfig, config),
      layers: layers.map((layer) => layer.descriptor),
      ...annotationsOf(host, evidence, bases),
    })
    const digest = sha(body)
    await manifest(repository, digest, body, mediaTypes.ociManifest)
    const entries: object[] = [{ ...descriptor(mediaTypes.ociManifest, body), platform: fieldsOf(recipe) }]
    const attestation = attestationOf(host, evidence, bases, recipe, digest)
    if (attestation) {
      await blob(repository, attestation.config)
      await blob(repository, attestation.statement)
      await manifest(repository, sha(attestation.manifest), attestation.manifest, mediaTypes.ociManifest)
      entries.push({
        ...descriptor(mediaTypes.ociManifest, attestation.manifest),
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digest },
      })
    }
    const links = bases.map(({ name, role }) => {
      const was = imageOf(name).content
      return { role, platform, was, names: evidence === 'layers' ? namesAt(platform, was) : [name] }
    })
    return {
      source: source.id,
      platform,
      content: sha(json(diffIds)),
      links,
      digest,
      diffIds,
      history,
      layers,
      entries,
    }
  }

  /** An index over a group's sources: those just built, and of the others what its tags hold now. */
  function releaseOf(group: Group, fresh: ReadonlyMap<Source, Image[]>): Release {
    const present = tags.get(group.tags[0]!)?.images
    const images = group.sources.flatMap(
      (source) => fresh.get(source) ?? present?.filter((image) => image.source === source.id) ?? first.get(source)!,
    )
    const manifests = images.flatMap((image) => image.entries)
    const body = json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
    return { digest: sha(body), body, images }
  }

  /** Points tags at a release whose parts are there. */
  async function point(refs: readonly string[], release: Release): Promise<void> {
    for (const ref of refs) {
      const [repository, tag] = splitRef(ref)
      await manifest(repository, tag, release.body, mediaTypes.ociIndex)
      tags.set(ref, release)
    }
  }

  async function buildImages(sources: readonly Source[], stamp: string): Promise<Map<Source, Image[]>> {
    const limit = pLimit(width)
    const built = sources.map(async (source) => {
      const images = await Promise.all(source.recipes.map((recipe) => limit(() => buildImage(source, recipe, stamp))))
      if (!first.has(source)) first.set(source, images)
      return [source, images] as const
    })
    return new Map(await Promise.all(built))
  }

  /** Builds sources anew and points every tag they are behind at what came of it, once all of an index is there. */
  async function build(sources: readonly Source[], stamp: string): Promise<void> {
    const fresh = await buildImages(sources, stamp)
    const touched = graph.groups.filter((group) => group.sources.some((source) => sources.includes(source)))
    const whole = touched.filter((group) => group.sources.every((source) => first.has(source)))
    const limit = pLimit(width)
    await Promise.all(whole.map((group) => limit(() => point(group.tags, releaseOf(group, fresh)))))
  }

  return {
    tags: tags as ReadonlyMap<string, Release>,
    pushes: () => pushes,
    build,
    /** Builds one tag anew, and leaves its aliases where they are. */
    async buildAlone(ref: string, stamp: string): Promise<void> {
      const group = graph.groupOf.get(ref)!
      await point([ref], releaseOf(group, await buildImages(group.sources, stamp)))
    },
    /** Everything, level by level. */
    async buildAll(): Promise<void> {
      for (const level of levels(graph)) await build(level, 'first')
    },
    point,
  }
}

/** Sources in an order in which each comes after its bases; those of one level do not need each other. */
export function levels(graph: Graph): Source[][] {
  const depths = new Map<Source, number>()
  const depth = (source: Source): number => {
    const known = depths.get(source)
    if (known !== undefined) return known
    const below = source.recipes.flatMap((r) => r.froms).flatMap((name) => graph.groupOf.get(name)!.sources)
    const own = 1 + Math.max(-1, ...[...new Set(below)].map(depth))
    depths.set(source, own)
    return own
  }
  const all = graph.sources.map((source) => ({ source, at: depth(source) }))
  const top = Math.max(...all.map(({ at }) => at))
  return Array.from({ length: top + 1 }, (_, level) => all.filter(({ at }) => at === level).map(({ source }) => source))
}
