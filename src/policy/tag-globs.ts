import picomatch from 'picomatch'

/** A pattern is turned into a backtracking regular expression: its wildcards bound how long a match of 128 characters may take. */
const mostWildcards = 4

/** Tag names have no folders and no hidden files. Extended globs (`+(a|b)`) are left out: they can match for ever. */
const options = { dot: true, nonegate: true, noextglob: true, strictBrackets: true, posix: true } as const

/** Why a text is no pattern over tag names, or null where it is one. */
export function faultOfGlob(glob: string): string | null {
  if (glob === '') return 'an empty pattern matches nothing'
  if (glob.startsWith('!')) return 'a pattern is not negated: put it under exclude'
  const strange = /[^A-Za-z0-9._*?[\]{},!^-]/.exec(glob)?.[0]
  if (strange !== undefined) return `no tag's name holds ${JSON.stringify(strange)}; patterns are of * ? [abc] {a,b}`
  if ((glob.match(/\*/g) ?? []).length > mostWildcards) return `more than ${mostWildcards} times *`
  return faultOfPairs(glob) ?? faultOfCompiling(glob)
}

function faultOfPairs(glob: string): string | null {
  const outside = glob.replace(/\[[^\]]+\]/g, '')
  if (/[[\]]/.test(outside)) return 'a [ and its ] do not pair'
  if (/\{[^}]*\{/.test(outside)) return 'braces within braces'
  if (/[{}]/.test(outside.replace(/\{[^{}]*\}/g, ''))) return 'a { and its } do not pair'
  if (/\{[^,]*\}/.test(outside)) return 'braces without a comma: {a,b} is one of these'
  return null
}

function faultOfCompiling(glob: string): string | null {
  try {
    picomatch.makeRe(glob, { ...options, debug: true })
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Of a tag's name, the first of these patterns that it matches, or null. Patterns without fault (faultOfGlob). */
export function globMatcher(globs: readonly string[]): (name: string) => string | null {
  const tests = globs.map((glob) => ({ glob, matches: picomatch(glob, options) }))
  return (name) => tests.find(({ matches }) => matches(name))?.glob ?? null
}
