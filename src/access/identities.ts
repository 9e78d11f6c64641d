import type { Deps } from '../deps.ts'
import { revokeTokens } from './api-tokens.ts'

/** A subject of an OpenID provider that is this person. */
export type IdentityView = { issuer: string; subject: string; createdAt: Date }

/** By issuer. */
export const listIdentities = (d: Pick<Deps, 'sql'>, user: string): Promise<IdentityView[]> => d.sql<IdentityView[]>`
  select issuer, subject, created_at from identity where user_name = ${user} order by issuer`

/**
 * Unties a person from every provider, and takes what whoever signed in there may have kept: the sessions that began there, and all API tokens
 * of the person with what was made with them, as nobody knows in which session a token was made. Whoever the provider names so next is tied to
 * them (identify-person.ts). False where they were tied to none.
 */
export const untieIdentities = (d: Pick<Deps, 'sql' | 'clock'>, user: string): Promise<boolean> =>
  d.sql.begin(async (tx) => {
    const issuers = await tx<{ issuer: string }[]>`delete from identity where user_name = ${user} returning issuer`
    if (issuers.length === 0) return false
    await tx`delete from session where user_name = ${user} and via = any(${issuers.map(({ issuer }) => issuer)})`
    const own = await tx<{ id: string }[]>`
      update token set revoked_at = ${d.clock()} where user_name = ${user} and revoked_at is null returning id`
    await revokeTokens(tx, own)
    return true
  })
