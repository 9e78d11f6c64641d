import type { Fragment, Sql, Tx } from '../db/postgres.ts'

/** Parts of statements: how a person wants to hear, by what they set for a namespace, else for all, else at once. */
export const everyOf = (sql: Sql | Tx, person: Fragment, namespace: Fragment) => sql`coalesce(
  (select own.every from notify_namespace own where own.user_name = ${person} and own.namespace_key = ${namespace}),
  (select mine.every from notify_person mine where mine.user_name = ${person}), 'immediately')`

/** They want no mail of that namespace. */
export const isOff = (sql: Sql | Tx, person: Fragment, namespace: Fragment) =>
  sql`(${everyOf(sql, person, namespace)} = 'off')`
