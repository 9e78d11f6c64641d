import { revokeTokens } from '../access/api-tokens.ts'
import type { Tx } from '../db/postgres.ts'

/**
 * Takes from names all that was their persons': by which they showed who they are (tokens, with what was made with them, sessions, passwords,
 * identities), the roles that were given here, settings of mails, mails and what waits to be mailed, and the links in mails that were sent. For a person who is removed, and for a
 * name that nobody said any more and somebody is given: it may be somebody else now. Answers the namespaces of these roles, to be merged.
 * Under lockPeople, and before `person` is changed: whoever signs in or makes a token locks that last. One statement a table, however many names:
 * `in (select unnest(…))` is looked up in a hash table, where an array would be run through for each row.
 */
export async function beginAnew(tx: Tx, names: readonly string[]): Promise<{ namespace: string; user: string }[]> {
  if (names.length === 0) return []
  const these = tx`(select unnest(${[...names]}::text[]))`
  const own = await tx<{ id: string }[]>`
    update token set revoked_at = now() where user_name in ${these} and revoked_at is null returning id`
  await revokeTokens(tx, own)
  // sessions behind what they begin by: whoever signs in holds that until the session is there
  for (const table of ['password', 'identity', 'session', 'notify_person', 'notify_namespace', 'notice'])
    await tx`delete from ${tx(table)} where user_name in ${these}`
  // a mail to an address of several may hold what others were told as well, and is theirs then
  await tx`
    update mail set user_name = other.user_name
    from (select n.mail_id, min(n.user_name) as user_name from notice n join mail m on m.id = n.mail_id where m.user_name in ${these} group by 1) as other
    where mail.id = other.mail_id`
  await tx`
    update mail set also = left_over.names
    from (select m.id, coalesce(array_agg(a.name order by a.i) filter (where gone.name is null), '{}') as names
      from mail m cross join lateral unnest(m.also) with ordinality as a (name, i)
        left join (select distinct unnest(${[...names]}::text[]) as name) as gone on gone.name = a.name
      group by m.id having count(gone.name) > 0) as left_over
    where mail.id = left_over.id`
  await tx`
    update mail set user_name = also[1], also = also[2:] where user_name in ${these} and also[1] is not null`
  await tx`delete from mail where user_name in ${these}`
  await tx`
    update person set bearer = gen_random_uuid(), gone_at = null, gone_long = false where name in ${these}`
  return tx<{ namespace: string; user: string }[]>`
    delete from member_said where source = 'local' and user_name in ${these} returning namespace_key as namespace, user_name as "user"`
}

/** Whether any source says of this name that there is such a person. */
export async function isSaid(tx: Tx, name: string): Promise<boolean> {
  const [said] = await tx`select from person_said where name = ${name} limit 1`
  return said !== undefined
}
