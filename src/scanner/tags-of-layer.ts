import type { Deps } from '../deps.ts'

/**
 * Which of a repository's tags, as Portus has them, may be at an image with this top layer: all but those of whose image we know that it
 * has another, whatever we think of the tag itself.
 */
export async function tagsOfLayer<T extends { digest?: string | null | undefined }>(
  d: Pick<Deps, 'sql'>,
  name: string,
  tags: readonly T[],
): Promise<T[]> {
  const digests = tags.map(({ digest }) => digest ?? '')
  const others = await d.sql<{ digest: string }[]>`
    select asked.digest from unnest(${digests}::text[]) as asked (digest)
    left join index_entry e on e.index_digest = asked.digest
    join manifest m on m.digest = coalesce(e.manifest_digest, asked.digest) and m.kind = 'image'
    group by asked.digest having not bool_or(m.layers @> ${JSON.stringify([{ digest: name }])}::text::jsonb)`
  const elsewhere = new Set(others.map(({ digest }) => digest))
  return tags.filter(({ digest }) => !elsewhere.has(digest ?? ''))
}
