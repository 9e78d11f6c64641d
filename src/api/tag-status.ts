import type { z } from 'zod'
import { getRecipe } from '../build/recipes.ts'
import type { Deps } from '../deps.ts'
import { newerBases } from '../policy/newer-bases.ts'
import type { TagStatus } from './schemas/tag.ts'
import { causesOf, rebuilds, showCause, showInstant, snoozes } from './show-tag.ts'

type View = z.infer<typeof TagStatus>
type Row = Pick<View, 'status' | 'platforms' | 'disagreements' | 'ignored'> & {
  id: number
  headDigest: string
  headAt: bigint
  because: View['because'] & object
}

/** One tag as GET /tags/REF shows it; null where there is none, or it was deleted. `withRecipe`: the reader may see how it is built. */
export async function tagStatus(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock'>,
  ref: string,
  withRecipe: boolean,
): Promise<View | null> {
  const [tag] = await d.sql<Row[]>`
    select id, head_digest, head_at, status, because, platforms, disagreements, ignored from tag
    where ref = ${ref} and head_digest is not null`
  if (!tag) return null
  const causes = (await causesOf(d, [tag.id])).get(tag.id) ?? []
  const recipe = withRecipe ? await getRecipe(d, ref) : null
  const rebuild = await rebuilds(d, [ref])
  const bases = new Set(tag.platforms.flatMap((p) => p.bases).flatMap((base) => base.ref ?? []))
  const newer = await newerBases(d, [{ ref, bases: [...bases] }])
  return {
    ref,
    status: tag.status,
    because: tag.because.length === 0 ? null : tag.because,
    digest: tag.headDigest,
    pushedAt: showInstant(tag.headAt),
    platforms: tag.platforms,
    causes: causes.map(showCause),
    disagreements: tag.disagreements,
    recipe: recipe?.recipe ?? null,
    rebuild: rebuild(ref),
    ignored: tag.ignored,
    snoozed: (await snoozes(d, [ref]))(ref),
    newer: newer.get(ref) ?? [],
  }
}
