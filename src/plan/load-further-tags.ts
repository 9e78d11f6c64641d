import type { Tx } from '../db/postgres.ts'

/** The tags that a recipe moves along with its own, of a row of `recipe`; a column `tag`. None where the stored recipe says it in another way. */
const tagsNamed = (tx: Tx) =>
  tx`jsonb_array_elements_text(case jsonb_typeof(recipe.spec->'tags') when 'array' then recipe.spec->'tags' else '[]' end) as named (tag)`

/** By whose recipe each further tag is moved (`ref`, `moves_with`): those without a recipe of their own; of several the first by name. */
export const furtherTags = (tx: Tx) => tx`
  select distinct on (1) regexp_replace(recipe.ref, '[^:]+$', '') || named.tag as ref, recipe.ref as moves_with
  from recipe cross join lateral ${tagsNamed(tx)}
  where recipe.spec->'tags' <> '[]'
    and not exists (select from recipe own where own.ref = regexp_replace(recipe.ref, '[^:]+$', '') || named.tag)
  order by 1, recipe.ref collate "C"`

/** What moves along with the tag `leader`, a column: `ref`. By the recipe's key, so that it can be asked for each row. */
export const furtherOf = (tx: Tx, leader: ReturnType<Tx>) => tx`
  select tag.ref from recipe cross join lateral ${tagsNamed(tx)}
  join tag on tag.ref = regexp_replace(recipe.ref, '[^:]+$', '') || named.tag and tag.ref <> recipe.ref
  where recipe.ref = ${leader} and not exists (select from recipe own where own.ref = tag.ref)`
