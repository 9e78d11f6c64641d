/**
 * in: patterns of `*`, `?`, `[a-z]`, `[!a]`, `{a,b}` and, between slashes, `**`. out: what they match.
 * guarantees: a match takes at most the product of both lengths, whatever the pattern: no regular expression, and of wildcards only the
 * last is ever tried again (what an earlier one could take, the last can take too).
 */

/** One character of a text: itself, or of a set; `star`: any number of any. */
type Token = { is: string } | { set: (char: string) => boolean } | 'any' | 'star'

/** A piece of text without slashes, whole. Classes without an end are taken as they are written. */
export function wildcard(pattern: string): (text: string) => boolean {
  const tokens = tokensOf(pattern)
  return (text) => runs(tokens, text, (token) => token === 'star', fits)
}

/** A path of segments between slashes; a segment `**` is any number of segments, none too. */
export function pathWildcard(pattern: string): (path: string) => boolean {
  const segments = pattern.split('/').map((part) => (part === '**' ? ('star' as const) : tokensOf(part)))
  return (path) =>
    runs(
      segments,
      path.split('/'),
      (segment) => segment === 'star',
      (segment, part) => segment !== 'star' && runs(segment, part, (token) => token === 'star', fits),
    )
}

/** `{a,b}` and `{a..z}` written out, braces within braces too; null where that gives more than `most`. Braces of one thing are text. */
export function writtenOut(pattern: string, most: number): string[] | null {
  const done: string[] = []
  const todo: { text: string; from: number }[] = [{ text: pattern, from: 0 }]
  for (let next = todo.pop(); next; next = todo.pop()) {
    const { text, from } = next
    const open = text.indexOf('{', from)
    const parts = open < 0 ? null : alternatives(text, open)
    if (open < 0) done.push(text)
    else if (parts === null) todo.push({ text, from: open + 1 })
    else
      for (const part of parts.all.toReversed())
        todo.push({ text: text.slice(0, open) + part + text.slice(parts.end + 1), from: open })
    if (done.length + todo.length > most) return null
  }
  return done
}

/** What stands between the braces that open there, at their commas; null where they do not close, or have one thing. */
function alternatives(text: string, open: number): { all: string[]; end: number } | null {
  const all: string[] = []
  let depth = 0
  let begin = open + 1
  for (let i = open; i < text.length; i++) {
    if (text[i] === '{') depth++
    if (text[i] === ',' && depth === 1) {
      all.push(text.slice(begin, i))
      begin = i + 1
    }
    if (text[i] !== '}' || --depth > 0) continue
    all.push(text.slice(begin, i))
    const range = /^(\w)\.\.(\w)$/.exec(all[0]!)
    if (all.length === 1 && range) return { all: [`[${range[1]}-${range[2]}]`], end: i }
    return all.length === 1 ? null : { all, end: i }
  }
  return null
}

/** Two pointers; at a mismatch the last star takes one more. https://research.swtch.com/glob */
function runs<P, T>(
  pattern: ArrayLike<P>,
  text: ArrayLike<T>,
  isStar: (one: P) => boolean,
  matches: (one: P, other: T) => boolean,
): boolean {
  let [at, to] = [0, 0]
  let [star, taken] = [-1, 0]
  while (to < text.length) {
    if (at < pattern.length && isStar(pattern[at]!)) {
      star = at++
      taken = to
    } else if (at < pattern.length && matches(pattern[at]!, text[to]!)) {
      at++
      to++
    } else if (star >= 0) {
      at = star + 1
      to = ++taken
    } else return false
  }
  while (at < pattern.length && isStar(pattern[at]!)) at++
  return at === pattern.length
}

function fits(token: Token, char: string): boolean {
  if (token === 'any' || token === 'star') return token === 'any'
  return 'is' in token ? token.is === char : token.set(char)
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = []
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!
    const found = char === '[' ? /^\[([!^]?)([^\]]+)\]/.exec(pattern.slice(i)) : null
    if (found) {
      tokens.push({ set: setOf(found[2]!, found[1] !== '') })
      i += found[0].length - 1
    } else if (char === '*') {
      if (tokens.at(-1) !== 'star') tokens.push('star')
    } else tokens.push(char === '?' ? 'any' : { is: char })
  }
  return tokens
}

/** A `-` between two is a range, else itself. */
function setOf(inside: string, negated: boolean): (char: string) => boolean {
  const ranges: [string, string][] = []
  for (let i = 0; i < inside.length; i++) {
    const to = inside[i + 1] === '-' ? inside[i + 2] : undefined
    ranges.push([inside[i]!, to ?? inside[i]!])
    if (to !== undefined) i += 2
  }
  return (char) => ranges.some(([from, to]) => from <= char && char <= to) !== negated
}
