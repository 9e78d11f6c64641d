import type { Deps } from '../deps.ts'
import type { BuildEnd } from './digest-outline.ts'

const lines = 12
const longestLine = 200
/** Of a log's end: enough for its last lines. */
const chunks = 8
const longest = 8000

/** How these builds ended, by id, with the last lines of their logs: secrets were masked when they were written. */
export async function loadBuildEnds(
  { sql }: Pick<Deps, 'sql'>,
  ids: readonly string[],
): Promise<Map<string, BuildEnd & { ref: string; isLatest: boolean }>> {
  if (ids.length === 0) return new Map()
  const rows = await sql<
    {
      id: string
      ref: string
      error: string | null
      digest: string | null
      log: string
      isCut: boolean
      isLatest: boolean
    }[]
  >`
    select b.id, b.ref, b.digest, b.error ->> 'message' as error, coalesce(right(said.log, ${longest}), '') as log,
      coalesce(said.first > 0 or length(said.log) > ${longest}, false) as is_cut,
      not exists (select from build newer where newer.ref = b.ref and newer.job is null and newer.created_at > b.created_at) as is_latest
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
