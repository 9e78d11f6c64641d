import type { Deps } from '../deps.ts'
import { rootOfDigest } from './counted-causes.ts'
import type { NoticeContent, Outlook } from './digest-outline.ts'

/** A notice of whose base no counted cause of its tag speaks any more. `root`: of its cause, without what tells a repetition. */
export type Ended = Pick<NoticeContent, 'base' | 'to' | 'since'> & { id: number; ref: string; root: string }

/**
 * What is known of it besides how its tag stands. `sameRoot`: the tag is outdated by what became of the same change from outside; `pushed`: it
 * was pushed anew since it became outdated, or a build of ours for that change made it, whatever their registries' clocks say; `baseHead`: what the base is now, null: deleted, or not known.
 */
export type SinceThen = { sameRoot: boolean; pushed: boolean; baseHead: string | null }

/** What is told of it, or null: nothing, since the base is back at what the tag was built on, as if it had not moved. */
export function fateOf(
  { to }: Pick<NoticeContent, 'to'>,
  tag: Outlook['fate'],
  { sameRoot, pushed, baseHead }: SinceThen,
): Outlook['fate'] | null {
  if (sameRoot || tag === 'unknown' || tag === 'deleted') return tag
  if (pushed) return tag === 'outdated' ? 'replaced' : 'current'
  return baseHead !== null && baseHead !== to ? null : 'settled'
}

/** By the notice's id, in one statement. */
export async function loadSinceThen(
  { sql }: Pick<Deps, 'sql'>,
  ended: readonly Ended[],
): Promise<Map<number, SinceThen>> {
  if (ended.length === 0) return new Map()
  const all = (of: (one: Ended) => string) => ended.map(of)
  const rows = await sql<({ n: number } & SinceThen)[]>`
    select said.n::int as n, t.head_at > said.since or exists (
        select from build made
        where made.ref = t.ref and made.root = said.root and made.digest = t.head_digest and made.state = 'succeeded') as pushed,
      b.head_digest as base_head, exists (
      select from cause c left join lateral ${rootOfDigest(sql, sql`c.to_digest`)} as own on true
      where c.tag_id = t.id and c.counted and coalesce(own.root, c.base || '@' || c.to_digest) = said.root) as same_root
    from unnest(${all(({ ref }) => ref)}::text[], ${all(({ base }) => base)}::text[], ${all(({ root }) => root)}::text[],
      ${all(({ since }) => since)}::bigint[]) with ordinality as said (ref, base, root, since, n)
    join tag t on t.ref = said.ref left join tag b on b.ref = said.base`
  return new Map(rows.map(({ n, ...then }) => [ended[n - 1]!.id, then]))
}
