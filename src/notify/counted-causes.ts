import { keyOfRowSql } from '../access/key-of-ref.ts'
import type { Config } from '../config.ts'
import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import { isCauseSnoozed, isTagSnoozed } from '../policy/snoozed.ts'

/** In SQL, a row with the root of our build that pushed this digest, or its id where somebody asked for it; no row: none did. */
export const rootOfDigest = (sql: Sql | Tx, digest: Fragment) => sql`(
          select coalesce(b.root, b.id::text) as root from build b where b.digest = ${digest}
          order by (b.root is null), b.created_at limit 1)`

/**
 * The SQL behind `with`: `counted`, the causes anybody may be told of now, one row a tag and root base: ref, repository ("host/name"),
 * namespace (its key), base, via, to_digest, root, own_root (null: an outside change), held, content (a NoticeContent).
 * Nothing of a tag that does not matter, is snoozed, or lies in a registry that is configured no more, nor of a cause whose base is snoozed. `held`: a build of ours that runs may have pushed
 * `to_digest` and has not recorded it yet: to be looked at again soon.
 */
export const countedCauses = (sql: Tx, config: Pick<Config, 'registries'>, now: Date) => sql`
      running as materialized (
        select regexp_replace(ref, ':[^:]*$', '') as repository,
          extract(epoch from started_at - interval '1 minute') * 1000000000 as after
        from build where state = 'running' and job is null
      ), counted as materialized (
        select distinct on (t.ref, c.base) t.ref, g.name || '/' || r.name as repository, c.base, c.via, c.to_digest, own.root as own_root,
          coalesce(own.root, c.base || '@' || c.to_digest) as root,
          ${keyOfRowSql(sql, { config })} as namespace,
          own.root is null and exists (
            select from running join tag b on b.ref = c.base
            where b.head_digest = c.to_digest and b.head_at >= running.after
              and running.repository = regexp_replace(c.base, ':[^:]*$', '')) as held,
          jsonb_build_object('base', c.base, 'role', c.role, 'from', c.from_digest, 'to', c.to_digest, 'evidence', c.evidence,
            'confidence', c.confidence, 'stillAt', c.still_at, 'via', c.via, 'platforms', c.platforms, 'pinned', c.pinned,
            'since', c.since::text) as content
        from cause c join tag t on t.id = c.tag_id
        join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
        left join lateral ${rootOfDigest(sql, sql`c.to_digest`)} as own on true
        where c.counted and t.head_digest is not null and t.ignored is null and not g.outside and not g.gone
          and not ${isTagSnoozed(sql, now)} and not ${isCauseSnoozed(sql, now)}
        order by t.ref, c.base, c.role
      )`
