import type { Fragment, Sql, Tx } from '../db/postgres.ts'

/**
 * The SQL behind `with`: `heard`, who hears of what becomes outdated, the one place that says so. Owners, contributors and `told` members of
 * the namespace, and whom the last matching owner rule of each source names for the repository; enabled, no bot, with an address.
 * Columns: namespace (its key), repository (null: each of the namespace's), user_name, email, display_name; join it by `withHearers`.
 * Nobody stands twice for one repository.
 *
 * `asked`: a statement that gives the repositories in question as (namespace, repository), repository = "host/name"; it is run only where
 * there are owner rules. Rules are the outer loop, since PostgreSQL keeps no more than 32 compiled expressions.
 */
export const heardBy = (sql: Sql | Tx, asked: Fragment) => {
  const byRole = sql`(m.told or m.role in ('owner', 'contributor'))`
  const writable = sql`p.enabled and not p.bot and p.email <> ''`
  return sql`
      heard_asked as materialized (select distinct namespace, repository from (${asked}) as asked),
      heard_ruled as materialized (
        select distinct last.namespace, last.repository, named.user_name from (
          select distinct on (rule.source, a.repository) a.namespace, a.repository, rule.users
          from owner_rule rule cross join lateral (
            select namespace, repository from heard_asked
            where rule.registry not in (select name from registry where gone) and starts_with(repository, rule.registry || '/')
              and substr(repository, length(rule.registry) + 2) ~ rule.regex offset 0
          ) as a
          order by rule.source, a.repository, rule.position desc
        ) as last cross join lateral unnest(last.users) as named (user_name)
      ), heard as (
        select m.namespace_key as namespace, null::text as repository, p.name as user_name, p.email, p.display_name
        from member m join person p on p.name = m.user_name where ${byRole} and ${writable}
        union all
        select r.namespace, r.repository, p.name, p.email, p.display_name
        from heard_ruled r join person p on p.name = r.user_name
        where ${writable} and not exists (
          select from member m where m.namespace_key = r.namespace and m.user_name = r.user_name and ${byRole})
      )`
}

/**
 * After heardBy: each of these rows, which have `namespace` (a key) and `repository` ("host/name"), once for everybody who hears of it: their
 * columns, and hearer, hearer_email, hearer_name.
 *
 * Two joins by what is equal, since of one with an "or" PostgreSQL compares each of a namespace's repositories with each row there is of it.
 * And full ones, of which the halves are left out: it cannot foresee how many repositories a rule matches, takes them for one where nothing
 * is known of the tables yet, and then compares all with all in an inner join.
 */
export const withHearers = (sql: Sql | Tx, rows: Fragment) => {
  const hearer = sql`heard.user_name as hearer, heard.email as hearer_email, heard.display_name as hearer_name`
  return sql`(
      select * from (
        select told.*, ${hearer} from ${rows} as told
        full join (select * from heard where repository is null) as heard on heard.namespace = told.namespace offset 0
      ) as of_namespace where namespace is not null and hearer is not null
      union all
      select * from (
        select told.*, ${hearer} from ${rows} as told full join (select * from heard where repository is not null) as heard
          on heard.namespace = told.namespace and heard.repository = told.repository offset 0
      ) as of_repository where namespace is not null and hearer is not null)`
}

/** "host/name" of a tag's ref, in SQL. */
export const repositoryOfRef = (sql: Sql | Tx, ref: Fragment) => sql`regexp_replace(${ref}, ':[^:]*$', '')`
