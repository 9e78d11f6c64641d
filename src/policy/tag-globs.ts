import { wildcard, writtenOut } from '../wildcard.ts'

const mostWildcards = 4
/** What `{a,b}` may be written out to. */
const mostAlternatives = 1000

/** Why a text is no pattern over tag names, or null where it is one. */
export function faultOfGlob(glob: string): string | null {
  if (glob === '') return 'an empty pattern matches nothing'
  if (glob.startsWith('!')) return 'a pattern is not negated: put it under exclude'
  const strange = /[^A-Za-z0-9._*?[\]{},!^-]/.exec(glob)?.[0]
  if (strange !== undefined) return `no tag's name holds ${JSON.stringify(strange)}; patterns are of * ? [abc] {a,b}`
  if ((glob.match(/\*/g) ?? []).length > mostWildcards) return `more than ${mostWildcards} times *`
  return faultOfPairs(glob) ?? faultOfRanges(glob) ?? faultOfNumber(glob)
}

function faultOfPairs(glob: string): string | null {
  const outside = glob.replace(/\[[^\]]+\]/g, '')
  if (/[[\]]/.test(outside)) return 'a [ and its ] do not pair'
  if (/\{[^}]*\{/.test(outside)) return 'braces within braces'
  if (/[{}]/.test(outside.replace(/\{[^{}]*\}/g, ''))) return 'a { and its } do not pair'
  if (/\{[^,]*\}/.test(outside)) return 'braces without a comma: {a,b} is one of these'
  return null
}

function faultOfRanges(glob: string): string | null {
  const sets = [...glob.matchAll(/\[[!^]?([^\]]+)\]/g)].map(([, inside]) => inside!)
  const ranges = sets.flatMap((inside) => inside.match(/.-./g) ?? [])
  const backwards = ranges.find((range) => range[0]! > range[2]!)
  return backwards === undefined ? null : `the range ${backwards} is backwards`
}

const faultOfNumber = (glob: string): string | null =>
  writtenOut(glob, mostAlternatives) === null ? `more than ${mostAlternatives} names or patterns in braces` : null

/** Of a tag's name, the first of these patterns that it matches, or null. Patterns without fault (faultOfGlob). */
export function globMatcher(globs: readonly string[]): (name: string) => string | null {
  const tests = globs.map((glob) => ({ glob, each: (writtenOut(glob, mostAlternatives) ?? []).map(wildcard) }))
  return (name) => tests.find(({ each }) => each.some((matches) => matches(name)))?.glob ?? null
}
