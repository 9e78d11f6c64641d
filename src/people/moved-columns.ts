import type { Tx } from '../db/postgres.ts'

/**
 * Columns that hold a namespace's key without a ref beside it, each with those that stand once with it. Of a row of the audit log this is whose it
 * is; what it tells stays as it was.
 */
const columns: Record<string, { key: string; once: string[] }> = {
  namespace_said: { key: 'key', once: ['source'] },
  member_said: { key: 'namespace_key', once: ['source', 'user_name'] },
  notify_namespace: { key: 'namespace_key', once: ['user_name'] },
  credential: { key: 'namespace_key', once: ['name'] },
  git_hook: { key: 'namespace_key', once: [] },
  git_delivery: { key: 'namespace_key', once: ['id'] },
  channel: { key: 'namespace_key', once: ['name'] },
  tag_policy: { key: 'scope', once: [] },
  pause: { key: 'scope', once: [] },
  audit: { key: 'namespace', once: ['id'] },
}

/** Every key that stands in one of these, or within longer words. */
export async function storedKeys(tx: Tx): Promise<string[]> {
  const found = new Set<string>()
  for (const [table, { key }] of Object.entries({ ...columns, namespace: { key: 'key' } }))
    for (const row of await tx<
      { key: string }[]
    >`select distinct ${tx(key)} as key from ${tx(table)} where ${tx(key)} is not null`)
      found.add(row.key)
  const words = await tx<{ key: string }[]>`
    select distinct key from mail, unnest(named) as key where state = 'pending'
    union select substr(scope, strpos(scope, ':') + 1) from token, unnest(scopes) as scope where strpos(scope, ':') > 0`
  for (const { key } of words) found.add(key)
  return [...found].sort()
}

/** By the temporary table moved_key (key_from, key_to). Answers the scopes of policies, by their new names. */
export async function moveColumns(tx: Tx): Promise<string[]> {
  const scopes: string[] = []
  for (const [table, { key, once }] of Object.entries(columns)) {
    const same = once.reduce((all, column) => tx`${all} and other.${tx(column)} = t.${tx(column)}`, tx``)
    const moved = await tx<{ key: string }[]>`
      update ${tx(table)} t set ${tx(key)} = key_to from moved_key where t.${tx(key)} = key_from
        and not exists (select from ${tx(table)} other where other.${tx(key)} = key_to ${same}) returning t.${tx(key)} as key`
    if (table === 'tag_policy') scopes.push(...moved.map((row) => row.key))
  }
  await moveWords(tx)
  return scopes
}

/** What is named in a mail that waits, and what a token is narrowed to. */
async function moveWords(tx: Tx): Promise<void> {
  await tx`
    update mail set named = array(
      select coalesce((select key_to from moved_key where key_from = key), key) from unnest(named) with ordinality as a (key, i) order by i)
    where state = 'pending' and exists (select from unnest(named) as key join moved_key on key_from = key)`
  await tx`
    update token set scopes = array(
      select coalesce(split_part(scope, ':', 1) || ':' || (select key_to from moved_key where key_from = substr(scope, strpos(scope, ':') + 1)), scope)
      from unnest(scopes) with ordinality as s (scope, i) order by i)
    where exists (select from unnest(scopes) as scope join moved_key on strpos(scope, ':') > 0 and key_from = substr(scope, strpos(scope, ':') + 1))`
}
