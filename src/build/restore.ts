import type { Deps } from '../deps.ts'
import { look } from '../ingest/look.ts'
import type { Digest } from '../oci/digest.ts'
import { previousTag, restoringTag } from '../oci/own-tags.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import type { FoundManifest } from '../registry/manifests.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { refresh } from '../staleness/refresh.ts'
import { Recipe } from './recipe.ts'

/** One tag that was moved: from which digest to which. */
export type Moved = { ref: string; from: Digest | null; to: Digest }

export type Restored =
  | { kind: 'restored'; moved: Moved[] }
  | { kind: 'no-such-tag' | 'no-previous' | 'at-previous' | 'build-running' }

/**
 * Puts a tag back at what TAG-prev keeps, and TAG-prev at what the tag was: the two change places, so that doing it again undoes it. The
 * recipe's further tags go along where they stand with the tag. Asked of the registry itself, and judged at once. At every moment both
 * contents have a tag: what the tag was has a third one meanwhile; where that is still there, an interrupted exchange is finished.
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
  const previous = await client.getManifest(repository, previousTag(tag))
  if (!previous) return { kind: 'no-previous' }
  const moved: Moved[] = []
  const move = async (name: string, to: typeof now, from: Digest | null) => {
    await client.putManifest(repository, name, to)
    moved.push({ ref: tagRef(host, repository, name), from, to: to.digest })
  }
  const moveFurther = async (from: Digest, to: typeof now) => {
    for (const further of await furtherTags(d, ref)) {
      const head = await client.headManifest(repository, further)
      if (head?.digest === from) await move(further, to, from)
    }
  }
  let newer = now
  if (previous.digest === now.digest) {
    // Either nothing is to be done, or the tag has moved and TAG-prev has not yet.
    const held = await client.getManifest(repository, restoringTag(tag))
    if (!held || held.digest === now.digest) return { kind: 'at-previous' }
    newer = held
    moved.push({ ref, from: held.digest, to: now.digest })
    await moveFurther(held.digest, now)
    await move(previousTag(tag), held, now.digest)
  } else {
    await client.putManifest(repository, restoringTag(tag), now)
    await move(tag, previous, now.digest)
    await moveFurther(now.digest, previous)
    await move(previousTag(tag), now, previous.digest)
  }
  // All is done by now: what fails here is told, and costs nothing.
  await letGo(client, { repository, tag }, previous, newer).catch((err: unknown) =>
    d.log.warn({ err, ref }, 'a helper tag of a restore stays'),
  )
  for (const { ref } of moved) await look(d, ref)
  await refresh(d)
  return { kind: 'restored', moved }
}

/** The helper tag goes, or, where the registry removes no single tags, says that nothing is unfinished: it is at what the tag is. */
async function letGo(
  client: RegistryClient,
  { repository, tag }: { repository: string; tag: string },
  current: FoundManifest,
  kept: FoundManifest,
): Promise<void> {
  if (!(await client.deleteTag(repository, restoringTag(tag)))) {
    await client.putManifest(repository, restoringTag(tag), current)
    return
  }
  // A registry may take that for the content with all its tags.
  if (!(await client.headManifest(repository, previousTag(tag))))
    await client.putManifest(repository, previousTag(tag), kept)
}

async function furtherTags({ db }: Pick<Deps, 'db'>, ref: string): Promise<string[]> {
  const row = await db.recipe.findUnique({ where: { ref }, select: { spec: true } })
  const recipe = row && Recipe.safeParse(row.spec).data
  return recipe?.tags ?? []
}
