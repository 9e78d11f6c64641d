import type { Tx } from '../db/postgres.ts'
import { keyAsBuilt } from './current-key.ts'
import { Recipe } from './recipe.ts'

type Row = { ref: string; state: string; recipe: string; bases: string; startedAt: Date | null }

/** Stores with a build that has just ended the key of what it was really built on. Where that is not known it keeps the one it was queued with. */
export async function storeKeyAsBuilt(tx: Tx, buildId: string): Promise<void> {
  const [row] = await tx<Row[]>`
    select ref, state, recipe::text as recipe, bases::text as bases, started_at from build where id = ${buildId} and job is null`
  const recipe = row && Recipe.safeParse(JSON.parse(row.recipe)).data
  if (!row || !recipe) return
  const bases = JSON.parse(row.bases) as { name: string | null; digest: string }[]
  const key = await keyAsBuilt(tx, { ...row, recipe, bases, began: row.startedAt })
  if (key !== null) await tx`update build set key = ${key} where id = ${buildId}`
}
