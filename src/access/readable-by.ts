import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { keyOfRefSql, keyOfRowSql } from './key-of-ref.ts'
import type { Principal } from './principal.ts'
import { namespacesOf, scopesAllow } from './scopes.ts'

/** What the conditions are for: `everything` where nothing is left out, so that an admin's statements stay as they are. */
export const readsEverything = (principal: Principal): boolean => principal.admin && namespacesOf(principal) === null

/** Whether somebody's address, and what they are called, is for the principal: an admin, or themselves. */
export const seesAddressOf = (principal: Principal, name: string): boolean =>
  readsEverything(principal) || (principal.name === name && principal.via !== 'bootstrap' && principal.via !== 'nobody')

/**
 * Conditions for lists, the same as `mayRead` (access.ts) says of one namespace. The namespaces are found by the person's memberships
 * and by what is not private, once a statement.
 */
export const readableKeys = (sql: Sql | Tx, principal: Principal): Fragment => {
  const only = namespacesOf(principal)
  if (principal.admin) return sql`select unnest(${only ?? []}::text[])`
  const open = principal.via === 'nobody' ? ['public'] : ['public', 'protected']
  return sql`
    select key from (
      select namespace_key as key from member where user_name = ${principal.name} and ${principal.via !== 'nobody'}
      union all select key from namespace where visibility = any(${open}::visibility[])
    ) as readable where ${only === null} or key = any(${only ?? []}::text[])`
}

/** Of a namespace's key. */
export const readableBy = (sql: Sql | Tx, principal: Principal, key: Fragment): Fragment =>
  readsEverything(principal) ? sql`true` : sql`${key} in (${readableKeys(sql, principal)})`

/** Of a repository's row `r` and its registry `g`. */
export const readableRow = (d: Pick<Deps, 'sql' | 'config'>, principal: Principal): Fragment =>
  readableBy(d.sql, principal, keyOfRowSql(d.sql, d))

/** Of a ref; what is outside is read by every person whose token is not narrowed to namespaces. */
export function readableRef(
  d: { sql: Sql | Tx; config: Pick<Deps['config'], 'registries'> },
  principal: Principal,
  ref: Fragment,
): Fragment {
  if (readsEverything(principal)) return d.sql`true`
  const own = readableBy(d.sql, principal, keyOfRefSql(d.sql, d, ref))
  if (principal.via === 'nobody' || !scopesAllow(principal.scopes, 'read', null)) return own
  return d.sql`(${own} or split_part(${ref}, '/', 1) not in (
    select name from registry where gone or not outside union all select unnest(${d.config.registries.map(({ name }) => name)}::text[])))`
}

/** Of a namespace's key: the person may do there what takes this role. */
export const actsIn = (
  sql: Sql | Tx,
  principal: Principal,
  roles: readonly ('contributor' | 'owner')[],
  key: Fragment,
): Fragment =>
  readsEverything(principal)
    ? sql`true`
    : principal.admin
      ? readableBy(sql, principal, key)
      : sql`(${readableBy(sql, principal, key)} and ${key} in (
          select namespace_key from member where user_name = ${principal.name} and role = any(${[...roles]}::member_role[])))`
