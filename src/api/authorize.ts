import { judge, judgePlain, type Key, levelOf, mayIn, type NamespaceNeed } from '../access/access.ts'
import type { Principal } from '../access/principal.ts'
import { standingsOf, unknownStanding } from '../access/standing.ts'
import type { Deps } from '../deps.ts'
import { ApiError, type ProblemCode } from './problem.ts'
import type { Access } from './route.ts'

/** The same words, whether there is such a thing or not. */
const hiddenDetail = 'there is no such thing here, or it is not yours to see'

/** Who passes everything: their calls ask the database for nothing. */
const isUnlimited = ({ admin, scopes }: Principal): boolean => admin && scopes.length === 0

/** What else the caller may do in one of the namespaces that the call is about. */
export type MayIn = (need: NamespaceNeed, key: string) => boolean

/**
 * Lets a call pass, or throws its problem: `forbidden`, or the route's own where what it is about may not even be seen. `keys`: what
 * `access.of` says.
 */
export async function authorize(
  d: Pick<Deps, 'sql' | 'config'>,
  principal: Principal,
  { access, method, keys }: { access: Access<never>; method: string; keys: () => Promise<readonly Key[]> },
): Promise<MayIn> {
  const level = levelOf(access.need, method)
  if (!('of' in access)) {
    if (judgePlain(principal, access.need, level) === 'forbidden')
      throw new ApiError('forbidden', access.need === 'admin' ? 'that is for admins' : 'that is not for you')
    return () => isUnlimited(principal)
  }
  if (isUnlimited(principal)) return () => true
  const about = await keys()
  const standings = await standingsOf(
    d,
    principal,
    about.filter((key) => key !== null),
  )
  const standing = (key: string) => standings.get(key) ?? unknownStanding
  const verdict = judge(principal, access.need, level, about, standing)
  if (verdict === 'hidden') throw hidden(access.hidden)
  if (verdict === 'forbidden')
    throw new ApiError('forbidden', method === 'get' ? toRead[access.need] : words[access.need])
  return (need, key) => mayIn(principal, need, key, standing(key), levelOf(need, method))
}

export const hidden = (code: ProblemCode): ApiError => new ApiError(code, hiddenDetail)

const words = {
  read: 'that is not yours to read',
  build: 'that takes a contributor or an owner of the namespace, and a token that may build',
  recipe: 'recipes are for contributors and owners of the namespace, and tokens that may manage',
  manage: 'that takes an owner of the namespace, and a token that may manage',
}

/** Of a GET, which takes no more than the scope `read`. */
const toRead = {
  read: words.read,
  build: 'that is shown to contributors and owners of the namespace alone',
  recipe: words.recipe,
  manage: words.manage,
}
