import { personCalled } from '../access/principal.ts'
import { readableKeys } from '../access/readable-by.ts'
import type { Deps } from '../deps.ts'
import { heardBy, repositoryOfRef, withHearers } from '../people/heard-by.ts'

/**
 * Of mails that were not sent, the ids of those whose words this user may read now: they hear of all that is theirs in it, read what is
 * others', and every name. Of one that is over nobody's are: it was taken back or given up, and what it told comes in another.
 */
export async function wordsOpenTo(
  { sql }: Pick<Deps, 'sql'>,
  user: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const these = sql`any(${[...ids]}::uuid[])`
  const rows = await sql<{ id: string }[]>`
    with readable as materialized (${readableKeys(sql, personCalled(user))}), places as materialized (
      select n.mail_id, n.namespace, ${repositoryOfRef(sql, sql`n.ref`)} as repository,
        n.user_name = ${user} or n.kind = 'failed' as must_hear
      from notice n where n.mail_id = ${these}
      union all
      select m.id, split_part(place, ' ', 1), split_part(place, ' ', 2), true
      from mail m cross join lateral unnest(m.about) as place where m.id = ${these}
    ), ${heardBy(sql, sql`select namespace, repository from places`)}, heard_of as (
      select mail_id, namespace, repository from ${withHearers(sql, sql`places`)} as place where hearer = ${user}
    ), closed as (
      select mail_id from (
        select mail_id, namespace, repository from places where must_hear or namespace not in (select key from readable)
        except select mail_id, namespace, repository from heard_of
      ) as unheard
      union all
      select m.id from mail m cross join lateral unnest(m.named) as shown (key)
      where m.id = ${these} and shown.key not in (select key from readable)
    )
    select m.id from mail m where m.id = ${these} and m.state in ('pending', 'kept') and m.id not in (select mail_id from closed)`
  return new Set(rows.map(({ id }) => id))
}
