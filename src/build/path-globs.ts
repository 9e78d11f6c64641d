import picomatch from 'picomatch'

/** A pattern becomes a backtracking regular expression: its wildcards bound how long a match may take. */
const mostWildcards = 10

/** Files that begin with a dot count. Extended globs (`+(a|b)`) are left out: they can match for ever. */
const options = { dot: true, nonegate: true, noextglob: true } as const

/** True where a text is a pattern over paths from the top of a repository: `services/app/**`, `*.md`, `{go.mod,go.sum}`. */
export function isPathGlob(glob: string): boolean {
  if (glob === '' || /^[!/]|^\.\.?\/|[\0\r\n\\]|\/\/|\/$/.test(glob)) return false
  return (glob.match(/\*+|\?/g) ?? []).length <= mostWildcards
}

/** The first of these paths that one of the patterns matches, or null. */
export function firstMatch(globs: readonly string[], paths: readonly string[]): string | null {
  const tests = globs.map((glob) => picomatch(glob, options))
  return paths.find((path) => tests.some((matches) => matches(path))) ?? null
}
