/**
 * in: names and passwords. out: whose password it is; passwords set and changed.
 * guarantees: nobody learns by words or time whether a name exists; a changed password ends every session of its person, those that begin
 * at that moment too.
 */
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { AccessError } from './access-error.ts'
import { decoy, hashPassword, verifyPassword } from './argon2id.ts'
import { type Attempt, guardOf } from './sign-in-guard.ts'

const [least, most] = [12, 1000]

/** Any characters; what makes a password hard to guess is its length. */
export const NewPassword = z
  .string()
  .max(most, `must have at most ${most} characters`)
  .refine((text) => [...text].length >= least, `must have at least ${least} characters`)

type Needs = Pick<Deps, 'sql' | 'config' | 'clock'>

/** Sets it, and ends the person's sessions. Errors: `no-such-user`, `busy`. */
export async function setPassword(d: Needs, name: string, password: string): Promise<void> {
  const [known] = await d.sql`select 1 from person where name = ${name}`
  if (!known) throw new AccessError('no-such-user', `no user "${name}"`)
  const phc = await guardOf(d).hashing(() => hashPassword(password))
  await d.sql.begin(async (tx) => {
    await tx`
      insert into password (user_name, phc, changed_at) values (${name}, ${phc}, ${d.clock()})
      on conflict (user_name) do update set phc = excluded.phc, changed_at = excluded.changed_at`
    await tx`delete from session where user_name = ${name}`
  })
}

/** Without it nobody is let in by password. False where there was none. Sessions end. */
export const removePassword = (d: Needs, name: string): Promise<boolean> =>
  d.sql.begin(async (tx) => {
    const { count } = await tx`delete from password where user_name = ${name}`
    await tx`delete from session where user_name = ${name} and via = 'password'`
    return count > 0
  })

/** A person whose password was just right. `phc`: as it was then, for `startSession`. */
export type Known = { name: string; phc: string }

/**
 * Whose name and password this is. One hash is made whatever is known of the name. Errors: `wrong-password` (also of who is disabled or has
 * none), `too-many-attempts`, `busy`.
 */
export async function checkPassword(d: Needs, attempt: Attempt, password: string): Promise<Known> {
  const guard = guardOf(d)
  await guard.attempt(attempt)
  const [row] = await d.sql<{ name: string; phc: string }[]>`
    select p.name, w.phc from password w join person p on p.name = w.user_name where p.name = ${attempt.name} and p.enabled`
  const { right, stale } = await guard.hashing(() => verifyPassword(row?.phc ?? decoy, password.slice(0, most)))
  if (!right || !row) throw new AccessError('wrong-password', 'the name or the password is not right')
  await guard.succeeded(attempt)
  if (!stale) return row
  const phc = await guard.hashing(() => hashPassword(password))
  const { count } = await d.sql`update password set phc = ${phc} where user_name = ${row.name} and phc = ${row.phc}`
  return count > 0 ? { ...row, phc } : row
}
