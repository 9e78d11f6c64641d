import type { Deps } from '../deps.ts'

/** A subject of an OpenID provider that is this person. */
export type IdentityView = { issuer: string; subject: string; createdAt: Date }

/** By issuer. */
export const listIdentities = (d: Pick<Deps, 'sql'>, user: string): Promise<IdentityView[]> => d.sql<IdentityView[]>`
  select issuer, subject, created_at from identity where user_name = ${user} order by issuer`

/**
 * Unties a person from every provider, and ends the sessions that began there: whoever the provider names so next is tied to them
 * (identify-person.ts). False where they were tied to none.
 */
export const untieIdentities = (d: Pick<Deps, 'sql'>, user: string): Promise<boolean> =>
  d.sql.begin(async (tx) => {
    const issuers = await tx<{ issuer: string }[]>`delete from identity where user_name = ${user} returning issuer`
    await tx`delete from session where user_name = ${user} and via = any(${issuers.map(({ issuer }) => issuer)})`
    return issuers.length > 0
  })
