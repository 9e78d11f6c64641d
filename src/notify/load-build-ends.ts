import type { Deps } from '../deps.ts'
import type { BuildEnd } from './digest-outline.ts'
import { newestOutcome } from './newest-outcome.ts'

const lines = 12
const longestLine = 200
/** Of a log's end: enough for its last lines. */
const chunks = 8
const longest = 8000

/** Of builds, by id: how they ended, and of tags, by ref: how their newest failure did, of those whose builds' newest outcome is one. */
export type BuildEnds = { byId: ReadonlyMap<string, BuildEnd>; failedByRef: ReadonlyMap<string, BuildEnd> }

/** How these builds and those of these tags ended, with the last lines of their logs: secrets were masked when they were written. Two statements. */
export async function loadBuildEnds(
  d: Pick<Deps, 'sql'>,
  { ids, refs }: { ids: readonly string[]; refs: readonly string[] },
): Promise<BuildEnds> {
  const failures =
    refs.length === 0
      ? []
      : await d.sql<{ id: string; ref: string }[]>`
          select b.id, asked.ref from unnest(${[...new Set(refs)]}::text[]) as asked (ref)
          cross join lateral ${newestOutcome(d.sql, d.sql`asked.ref`)} as b where b.state = 'failed'`
  const byId = await endsOf(d, [...new Set([...ids, ...failures.map(({ id }) => id)])])
  return {
    byId,
    failedByRef: new Map(failures.flatMap(({ id, ref }) => (byId.has(id) ? [[ref, byId.get(id)!]] : []))),
  }
}

async function endsOf({ sql }: Pick<Deps, 'sql'>, ids: readonly string[]): Promise<Map<string, BuildEnd>> {
  if (ids.length === 0) return new Map()
  const rows = await sql<{ id: string; error: string | null; digest: string | null; log: string; isCut: boolean }[]>`
    select b.id, b.digest, b.error ->> 'message' as error, coalesce(right(said.log, ${longest}), '') as log,
      coalesce(said.first > 0 or length(said.log) > ${longest}, false) as is_cut
    from build b left join lateral (
      select string_agg(text, '' order by seq) as log, min(seq) as first
      from (select seq, text from build_log where build_id = b.id order by seq desc limit ${chunks}) as last
    ) as said on true where b.id = any(${[...ids]}::uuid[])`
  return new Map(
    rows.map(({ log, isCut, ...build }) => [build.id, { ...build, log: lastLines(isCut ? fromWhole(log) : log) }]),
  )
}

/** Half of a name at the beginning would not be known for one, and so not be withheld. */
const fromWhole = (log: string): string => log.replace(/^[\w.+/:@%[\]-]+/, '')

/** Without empty ones, each no longer than fits, and without characters that hide, turn or move what is shown. */
export const lastLines = (log: string): string[] =>
  log
    .split('\n')
    .map((line) =>
      line
        .replace(/\t/g, '  ')
        .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, '')
        .trimEnd(),
    )
    .filter((line) => line !== '')
    .slice(-lines)
    .map((line) => (line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line))
