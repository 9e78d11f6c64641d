import type { Tx } from '../db/postgres.ts'

const key = 'recipe-change'

/** Recipes stored within so many seconds of the one before belong together; and what began longer ago than the second is over. */
const apart = 60
const longest = 900

/**
 * The root of what follows from a recipe that is changed now. Whoever applies hundreds of files means one change: recipes that are
 * changed one soon after the other share it. Not with those whose plan a person cancelled, or that was stopped: what is stored after
 * that, a correction or what another namespace does, is another change. One row, written by each: changes come one after another,
 * whichever process stores them.
 */
export async function recipeChangeAt(tx: Tx, now: Date): Promise<string> {
  const [row] = await tx<{ root: string }[]>`
    insert into setting (key, value) values (${key}, ${JSON.stringify({ began: now, last: now })})
    on conflict (key) do update set value = case
      when abs(extract(epoch from ${now}::timestamptz - (setting.value::jsonb->>'last')::timestamptz)) <= ${apart}
        and extract(epoch from ${now}::timestamptz - (setting.value::jsonb->>'began')::timestamptz) <= ${longest}
        and not exists (
          select from plan where root = 'recipes@' || (setting.value::jsonb->>'began') and state in ('cancelled', 'stopped'))
      then jsonb_set(setting.value::jsonb, '{last}', excluded.value::jsonb->'last')::text
      else excluded.value end
    returning 'recipes@' || (value::jsonb->>'began') as root`
  return row!.root
}
