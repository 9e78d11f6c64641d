import { z } from 'zod'
import type { Deps } from '../deps.ts'

/** A layer as Portus posts it: https://github.com/quay/clair/blob/v2.1.8/Documentation/api_v1.md, lib/portus/security_backends/clair.rb of Portus. */
export const PostedLayer = z.object({
  Layer: z.looseObject({
    Name: z.string().min(1).max(300),
    ParentName: z.string().max(300).nullish(),
    /** `…/v2/REPOSITORY/blobs/DIGEST` */
    Path: z.string().max(2000).nullish(),
  }),
})
export type PostedLayer = z.infer<typeof PostedLayer>

/** Portus leaves out layers of this digest, an empty tar of old manifests. */
const emptyLayer = 'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4'
/** Docker stops at 127 layers. */
const deepest = 200

/** The repository of a blob's address, without host; null where it is none. */
export const repositoryOf = (path: string | null | undefined): string | null =>
  /\/v2\/([a-z0-9][a-z0-9._/-]{0,254})\/blobs\//.exec(path ?? '')?.[1] ?? null

/** Keeps what a layer stands on, for repositories that are known. Key: (name, parent, repository). */
export async function keepLayer(d: Pick<Deps, 'sql' | 'clock'>, { Layer }: PostedLayer): Promise<void> {
  const repository = repositoryOf(Layer.Path)
  if (repository === null) return
  await d.sql`
    insert into scanned_layer (name, parent, repository, seen_at)
    select ${Layer.Name}, ${Layer.ParentName ?? ''}, ${repository}, ${d.clock()}
    where exists (select from repository where name = ${repository})
    on conflict (name, parent, repository) do update set seen_at = excluded.seen_at`
}

/** A tag at whose head is the image asked for. `platform`: that image's own. */
export type ScannedTag = { id: number; ref: string; platform: string | null }

/**
 * The tags at the image of which this is the top layer: by what was told last of it, all layers below must be the same, and in the
 * repository that was told. Empty where nothing was told, or no such tag is known.
 */
export async function scannedTags(d: Pick<Deps, 'sql'>, name: string): Promise<ScannedTag[]> {
  return d.sql<ScannedTag[]>`
    with recursive chain as (
      (select name, parent, repository, 1 as depth from scanned_layer where name = ${name} order by seen_at desc limit 1)
      union all
      select below.name, below.parent, chain.repository, chain.depth + 1
      from chain cross join lateral (
        select name, parent from scanned_layer where name = chain.parent and repository = chain.repository
        order by seen_at desc limit 1) below
      where chain.parent <> '' and chain.depth < ${deepest}
    ), told as (
      select array_agg(name order by depth desc) as names, min(repository) as repository, bool_or(parent = '') as whole from chain
    ), image as (
      select m.digest, m.platform, told.repository from told join manifest m on m.kind = 'image' and m.layers -> -1 ->> 'digest' = ${name}
      where told.whole and told.names = (
        select array_agg(layer.value ->> 'digest' order by layer.ordinality)
        from jsonb_array_elements(m.layers) with ordinality layer where layer.value ->> 'digest' <> ${emptyLayer})
    ), head as (
      select digest, platform, repository from image
      union select e.index_digest, image.platform, image.repository from image join index_entry e on e.manifest_digest = image.digest
    )
    select distinct t.id, t.ref, head.platform from head join tag t on t.head_digest = head.digest
    join repository r on r.id = t.repository_id and r.name = head.repository join registry g on g.id = r.registry_id
    where t.ignored is null and not g.outside order by t.ref`
}

/** Forgets what nobody has asked about for so long. */
export async function forgetScans(d: Pick<Deps, 'sql' | 'clock'>): Promise<void> {
  const before = new Date(d.clock().getTime() - keptDays * 86_400_000)
  await d.sql`delete from scanned_layer where seen_at < ${before}`
  await d.sql`delete from scan_finding where fetched_at < ${before}`
}
const keptDays = 30
