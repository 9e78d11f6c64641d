import type { Details } from '../access/audit.ts'
import type { Principal } from '../access/principal.ts'
import { lookUp } from '../api/look-up-details.ts'
import type { Deps } from '../deps.ts'
import { readToken } from './account-forms.ts'
import { field } from './visitor.ts'

/** What exactly a form of the account page asks for, as the API's calls tell it: never a secret. `form`: the path's last part. */
export async function accountDetails(
  d: Pick<Deps, 'sql' | 'clock'>,
  { name: user }: Pick<Principal, 'name'>,
  { name, form }: { name: string; form: URLSearchParams },
): Promise<Details | null> {
  if (name === 'token') {
    const wanted = readToken(form, user, d.clock())
    if ('fault' in wanted) return null
    return { name: wanted.name, scopes: wanted.scopes, expiresAt: wanted.expiresAt?.toISOString() ?? null }
  }
  if (name === 'revoke') {
    const id = field(form, 'id', 36)
    const found = await lookUp(
      d,
      id,
      (own) => d.sql`select name, scopes from token where id = ${own} and user_name = ${user}`,
    )
    return { token: id, ...found }
  }
  return name === 'notifications' ? { every: field(form, 'every', 20) } : null
}
