import { revokeTokens } from '../access/api-tokens.ts'
import type { Tx } from '../db/postgres.ts'

/**
 * Takes from a name all by which its person showed who they are: tokens (with what was made with them), sessions, password, identities. For
 * a person who is removed, and for a name that nobody said any more and somebody is given: it may be somebody else now. Under lockPeople.
 */
export async function beginAnew(tx: Tx, name: string): Promise<void> {
  const own = await tx<{ id: string }[]>`
    update token set revoked_at = now() where user_name = ${name} and revoked_at is null returning id`
  await revokeTokens(tx, own)
  await tx`delete from session where user_name = ${name}`
  await tx`delete from password where user_name = ${name}`
  await tx`delete from identity where user_name = ${name}`
}

/** Whether any source says of this name that there is such a person. */
export async function isSaid(tx: Tx, name: string): Promise<boolean> {
  const [said] = await tx`select from person_said where name = ${name} limit 1`
  return said !== undefined
}
