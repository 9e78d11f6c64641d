/**
 * In: the text of `owners`, one rule a line. Out: rules, in order, and why a line is none.
 * Guarantees: pure; a pattern that is taken means what docs/people.md says; one that is not is named, and no other is read into it.
 */

/** `owners`: as written, `@name` or an address. `fault`: why the line is no rule; null where it is one, and else `regex` is empty. */
export type OwnerLine = { line: number; pattern: string; regex: string; owners: string[]; fault: string | null }

const mostLines = 20_000
const mostWildcards = 10

/** Comments from `#` on, at a line's begin or after a blank. A pattern without owners: nobody. */
export function ownerRules(text: string): OwnerLine[] {
  const rules: OwnerLine[] = []
  for (const [i, full] of text.split(/\r?\n/).entries()) {
    const [pattern, ...owners] = full
      .replace(/(^|\s)#.*$/, '')
      .trim()
      .split(/\s+/)
    if (!pattern) continue
    const fault = rules.length >= mostLines ? `over ${mostLines} rules` : faultOfPattern(pattern)
    rules.push({ line: i + 1, pattern, regex: fault === null ? regexOf(pattern) : '', owners, fault })
  }
  return rules
}

/** Why a text is no pattern over names of repositories; null where it is one. */
export function faultOfPattern(pattern: string): string | null {
  const strange = /[^a-z0-9._/*?-]/.exec(pattern)?.[0]
  if (strange !== undefined)
    return `no repository's name holds ${JSON.stringify(strange)}; patterns are of names, / * ? and **`
  if (pattern.length > 500) return 'longer than 500 characters'
  if ((pattern.match(/[*?]+/g) ?? []).length > mostWildcards) return `more than ${mostWildcards} wildcards`
  if (pattern.includes('//') || pattern === '/') return 'a name between slashes is empty'
  if (pattern.split('/').some((segment) => segment.includes('**') && segment !== '**'))
    return '** stands alone between slashes'
  return null
}

/**
 * The pattern as a regular expression over a repository's whole name, in what PostgreSQL and JavaScript have in common.
 * As gitignore: one with a slash at its begin or within is of the whole name, any other of a name at any depth; what matches a name matches
 * what is below it; with a slash at its end only what is below. But `app/*` and `/*`, as in CODEOWNERS, are one level alone.
 */
export function regexOf(pattern: string): string {
  const below = pattern.endsWith('/')
  const anchored = pattern.slice(0, -1).includes('/')
  const segments = pattern.replace(/^\//, '').replace(/\/$/, '').split('/')
  const deep = anchored ? segments : ['**', ...segments]
  let regex = '^'
  for (const [i, segment] of deep.entries()) {
    const last = i === deep.length - 1
    if (segment !== '**') regex += segmentRegex(segment) + (last ? '' : '/')
    else if (!last) regex += '(?:[^/]+/)*'
    else regex += '.+'
  }
  if (deep.at(-1) === '**') return `${regex}$`
  if (below) return `${regex}/.+$`
  return anchored && segments.at(-1) === '*' ? `${regex}$` : `${regex}(?:/.+)?$`
}

/** `*` and `?` never a slash, and a name between slashes is never empty. */
function segmentRegex(segment: string): string {
  if (/^\*+$/.test(segment)) return '[^/]+'
  return segment.replace(/\*+|[?.]/g, (part) => (part === '.' ? '\\.' : part === '?' ? '[^/]' : '[^/]*'))
}
