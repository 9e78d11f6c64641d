import { loadProposal } from '../build/load-proposal.ts'
import type { Deps } from '../deps.ts'
import type { Proposed } from './digest-outline.ts'

/** Of so many tags the whole proposal is made; of the others it is told that there is one. */
const wholeAtMost = 50

/** The recipes that follow from what tags without one say they were built from; what says nothing has no entry. */
export async function loadProposed(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'log'>,
  refs: readonly string[],
): Promise<Map<string, Proposed>> {
  const found = new Map<string, Proposed>()
  if (refs.length === 0) return found
  const said = await d.sql<{ ref: string; sure: boolean }[]>`
    select t.ref, bool_or(o.evidence <> 'label') as sure
    from tag t cross join lateral (
      select t.head_digest as digest union select manifest_digest from index_entry where index_digest = t.head_digest
    ) as content join origin o on o.subject = content.digest
    where t.ref = any(${[...refs]}) group by t.ref order by t.ref`
  for (const { ref } of said.slice(0, wholeAtMost)) {
    const proposal = await loadProposal(d, ref).catch((err: unknown) => {
      // a tag that cannot be looked into costs its proposal, and nobody's mail
      d.log.warn({ err, ref }, 'no recipe could be proposed')
      return null
    })
    if (proposal === null || proposal === 'no-such-tag') continue
    const { recipe, acceptable, doubts } = proposal
    const source = `${recipe.git.url}#${recipe.git.ref}`
    found.set(ref, { source, file: recipe.dockerfile ?? null, acceptable, doubts: doubts.length })
  }
  // a label may be a base's own: whether a recipe follows from it only the whole look says
  for (const { ref, sure } of said.slice(wholeAtMost))
    if (sure) found.set(ref, { source: null, file: null, acceptable: true, doubts: 0 })
  return found
}
