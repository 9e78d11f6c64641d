import { pathWildcard, writtenOut } from '../wildcard.ts'

const mostWildcards = 10
/** What `{a,b}` may be written out to. */
const mostAlternatives = 200
/** No checkout has a longer path. */
const longestPath = 4096

/** True where a text is a pattern over paths from the top of a repository: `services/app/**`, `*.md`, `{go.mod,go.sum}`. */
export function isPathGlob(glob: string): boolean {
  if (glob === '' || /^[!/]|^\.\.?\/|[\0\r\n\\]|\/\/|\/$/.test(glob)) return false
  if ((glob.match(/\*+|\?/g) ?? []).length > mostWildcards) return false
  return writtenOut(glob, mostAlternatives) !== null
}

/** The first of these paths that one of the patterns matches, or null. Files that begin with a dot count. */
export function firstMatch(globs: readonly string[], paths: readonly string[]): string | null {
  const tests = globs.flatMap((glob) => (writtenOut(glob, mostAlternatives) ?? []).map(pathWildcard))
  return paths.find((path) => path.length <= longestPath && tests.some((matches) => matches(path))) ?? null
}

/** True where a comparison could hold up everything else for seconds: it costs up to the product of all lengths. */
export const isTooMuch = (globs: readonly string[], paths: readonly string[]): boolean =>
  lengthOf(globs) * lengthOf(paths) > mostSteps

const mostSteps = 200_000_000
const lengthOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0)
