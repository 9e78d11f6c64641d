import type { Deps } from '../deps.ts'
import { look } from '../ingest/look.ts'
import type { Digest } from '../oci/digest.ts'
import { previousTag } from '../oci/own-tags.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import { refresh } from '../staleness/refresh.ts'
import { Recipe } from './recipe.ts'

/** One tag that was moved: from which digest to which. */
export type Moved = { ref: string; from: Digest | null; to: Digest }

export type Restored =
  | { kind: 'restored'; moved: Moved[] }
  | { kind: 'no-such-tag' | 'no-previous' | 'at-previous' | 'build-running' }

/**
 * Puts a tag back at what TAG-prev keeps, and TAG-prev at what the tag was: the two change places, so that doing it again undoes it. The
 * recipe's further tags go along where they stand with the tag. Asked of the registry itself, and judged at once.
 */
export async function restoreTag(
  d: Pick<Deps, 'sql' | 'db' | 'jobs' | 'registries' | 'log' | 'clock'>,
  ref: string,
): Promise<Restored> {
  const target = parseReference(ref)
  const client = target && d.registries.byName(target.host)
  if (!target?.tag || !client) return { kind: 'no-such-tag' }
  const { host, repository, tag } = target
  const running = await d.sql`select from build where ref = ${ref} and state = 'running' limit 1`
  if (running.length > 0) return { kind: 'build-running' }
  const now = await client.getManifest(repository, tag)
  if (!now) return { kind: 'no-such-tag' }
  const kept = await client.getManifest(repository, previousTag(tag))
  if (!kept) return { kind: 'no-previous' }
  if (kept.digest === now.digest) return { kind: 'at-previous' }
  const moved: Moved[] = []
  const move = async (name: string, to: typeof kept, from: Digest | null) => {
    await client.putManifest(repository, name, to)
    moved.push({ ref: tagRef(host, repository, name), from, to: to.digest })
  }
  await move(tag, kept, now.digest)
  for (const further of await furtherTags(d, ref)) {
    const head = await client.headManifest(repository, further)
    if (head?.digest === now.digest) await move(further, kept, now.digest)
  }
  await move(previousTag(tag), now, kept.digest)
  for (const { ref } of moved) await look(d, ref)
  await refresh(d)
  return { kind: 'restored', moved }
}

async function furtherTags({ db }: Pick<Deps, 'db'>, ref: string): Promise<string[]> {
  const row = await db.recipe.findUnique({ where: { ref }, select: { spec: true } })
  const recipe = row && Recipe.safeParse(row.spec).data
  return recipe?.tags ?? []
}
