import type { Tx } from '../db/postgres.ts'
import { previousTag } from '../oci/own-tags.ts'
import type { Ignored } from './tag-policy.ts'

type NamedTag = { id: number; ref: string; name: string }

/** Conditions for SQL on `t` (tag): it may be a helper of a recipe, by its name alone. */
export const mayBeHelper = (tx: Tx) => tx`
  (t.name like '%-prev' or t.name in (select spec->>'pushTo' from recipe where spec ? 'pushTo'))`

/**
 * Of these tags those that only help with another: what a recipe's tag was before (TAG-prev), and a recipe's candidate (`pushTo`).
 * They are never outdated for anybody: the tag they belong to is. A helper that has a recipe of its own is none.
 */
export async function helperTags(tx: Tx, tags: readonly NamedTag[]): Promise<Map<number, Ignored>> {
  const names = new Set(tags.map(({ name }) => name))
  if (names.size === 0) return new Map()
  const repositoryOf = ({ ref, name }: NamedTag) => ref.slice(0, -(name.length + 1))
  const repositories = [...new Set(tags.map(repositoryOf))]
  const recipes = await tx<{ ref: string; repository: string; pushTo: string | null; keeps: boolean }[]>`
    select ref, repository, push_to, keeps from (
      select ref, regexp_replace(ref, ':[^:/]*$', '') as repository, spec->>'pushTo' as push_to,
        coalesce((spec->>'keepPrevious')::boolean, true) as keeps from recipe) r
    where repository = any(${repositories})`
  const own = new Set(recipes.map(({ ref }) => ref))
  const helpers = new Map<string, Ignored>()
  for (const { ref, repository, pushTo, keeps } of recipes) {
    const tag = ref.slice(repository.length + 1)
    if (pushTo !== null && pushTo !== tag)
      helpers.set(`${repository}:${pushTo}`, {
        rule: 'candidate',
        scope: ref,
        detail: 'what is tried before the tag moves',
      })
    if (keeps)
      helpers.set(`${repository}:${previousTag(tag)}`, {
        rule: 'previous',
        scope: ref,
        detail: 'what the tag was before',
      })
  }
  return new Map(
    tags.flatMap(({ id, ref }) => {
      const ignored = own.has(ref) ? undefined : helpers.get(ref)
      return ignored ? [[id, ignored] as const] : []
    }),
  )
}
