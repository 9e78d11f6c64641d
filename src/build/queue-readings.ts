import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** How a recipe's Dockerfile was last read: for which head of its tag, at which commit, or why not and when it is tried again. */
export type Reading = {
  digest: string
  /** null: it was not fetched (our own build said more, or it failed) */
  commit: string | null
  /** ISO 8601 */
  at: string
  error: { code: string; message: string } | null
  /** failures in a row */
  attempts: number
  nextAt: string | null
  /** its FROMs that name a digest; `line` counts from 1 */
  pins?: { line: number; name: string }[]
}

/** Asks for one recipe to be read. Key: the tag; of one git host one after another. */
export async function queueReading(
  d: Pick<Deps, 'jobs'>,
  tx: Tx,
  { ref, url }: { ref: string; url: string | null },
  runAt?: Date,
): Promise<void> {
  const host = /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?([^/:]+)/i.exec(url ?? '')?.[1] ?? ''
  const options = { key: `recipe:${ref}`, queue: `recipe:${host.toLowerCase()}` }
  await d.jobs.enqueue(tx, 'recipe', { ref }, runAt ? { ...options, runAt } : options)
}

/**
 * Asks for every recipe that was not read for what stands under its tag now, however that came to be known. One that failed waits for
 * its next try.
 */
export async function queueReadings(d: Pick<Deps, 'sql' | 'jobs'>): Promise<void> {
  const due = await d.sql<{ ref: string; url: string | null }[]>`
    select recipe.ref, recipe.spec->'git'->>'url' as url from recipe join tag on tag.ref = recipe.ref
    where recipe.spec->>'strategy' = 'dockerfile' and tag.head_digest is not null
      and (recipe.reading is null or recipe.reading->>'digest' <> tag.head_digest)
    order by recipe.ref`
  for (const recipe of due) await queueReading(d, d.sql, recipe)
}

/** Asks for this tag's recipe, if it has one: an event of it was handled (again). */
export async function queueReadingOf(d: Pick<Deps, 'jobs'>, tx: Tx, ref: string): Promise<void> {
  const [recipe] = await tx<{ ref: string; url: string | null }[]>`
    select ref, spec->'git'->>'url' as url from recipe where ref = ${ref} and spec->>'strategy' = 'dockerfile'`
  if (recipe) await queueReading(d, tx, recipe)
}
