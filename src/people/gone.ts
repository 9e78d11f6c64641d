import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import { unplaced } from './namespace-key.ts'

/**
 * In SQL: a ref, a repository ("host/name") or a key that begins with a host is of a registry that is configured no more (docs/design/namespaces.md).
 * Never so of a key without a host. Nor is anybody's what is of none that could be told (unplacedKey).
 */
export const isGone = (sql: Sql | Tx, name: Fragment) =>
  sql`(${name} like '%/%' and (${name} like ${`${unplaced}%`} or split_part(${name}, '/', 1) in (select name from registry where gone)))`
