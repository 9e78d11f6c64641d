import { BuildError } from './build-error.ts'

/** Characters of an expanded word: arguments that name each other twice double with every line. */
const longest = 16_384

/** The value of a build argument; undefined where it has none. */
export type ArgLookup = (name: string) => string | undefined

/**
 * Expands a word of a Dockerfile as Docker's own shell lexer does: `$X`, `${X}`, `${X:-d}`, `${X-d}`, `${X:+a}`, `${X+a}`,
 * `${X:?m}`, `${X#p}`, `${X##p}`, `${X%p}`, `${X%%p}`, `${X/p/r}`, `${X//p/r}`, quotes and escapes; what has no value is empty.
 * Throws `unresolved-arg` for any other modifier.
 * https://docs.docker.com/reference/dockerfile/#environment-replacement
 */
export function expandArgs(word: string, lookup: ArgLookup, escapeChar = '\\'): string {
  let out = ''
  let quoted: '"' | null = null
  for (let i = 0; i < word.length; i++) {
    const char = word[i]!
    if (char === escapeChar && i + 1 < word.length) {
      out += word[++i]!
    } else if (char === "'" && quoted === null) {
      const end = word.indexOf("'", i + 1)
      if (end < 0) throw new BuildError('unresolved-arg', `a quote is not closed in ${word}`)
      out += word.slice(i + 1, end)
      i = end
    } else if (char === '"') {
      quoted = quoted === null ? '"' : null
    } else if (char === '$') {
      const [value, end] = expandVariable(word, i, lookup, escapeChar)
      out += value
      i = end
    } else {
      out += char
    }
    if (out.length > longest)
      throw new BuildError('unresolved-arg', `${word.slice(0, 100)} grows beyond ${longest} characters`)
  }
  return out
}

/** The value of the variable that starts at `at`, and the index of its last character. */
function expandVariable(word: string, at: number, lookup: ArgLookup, escapeChar: string): [string, number] {
  if (word[at + 1] !== '{') {
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(word.slice(at + 1))?.[0] ?? ''
    return name === '' ? ['$', at] : [lookup(name) ?? '', at + name.length]
  }
  const end = closingBrace(word, at + 1, escapeChar)
  const found = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?]|##?|%%?|\/\/?)([\s\S]*))?$/.exec(word.slice(at + 2, end))
  if (!found) throw new BuildError('unresolved-arg', `${word.slice(at, end + 1)} cannot be resolved before the build`)
  const [, name = '', operator, alternative = ''] = found
  const value = lookup(name)
  const present = value !== undefined && (operator?.[0] !== ':' || value !== '')
  if (operator === undefined) return [value ?? '', end]
  const other = () => expandArgs(alternative, lookup, escapeChar)
  if (/[#%/]/.test(operator)) return [edited(value ?? '', operator, other()), end]
  if (operator.endsWith('+')) return [present ? other() : '', end]
  if (present) return [value, end]
  if (operator.endsWith('?')) throw new BuildError('unresolved-arg', `${name} has no value: ${other()}`)
  return [other(), end]
}

function closingBrace(word: string, open: number, escapeChar: string): number {
  let depth = 0
  for (let i = open; i < word.length; i++) {
    if (word[i] === escapeChar) i++
    else if (word[i] === '{') depth++
    else if (word[i] === '}' && --depth === 0) return i
  }
  throw new BuildError('unresolved-arg', `a brace is not closed in ${word}`)
}

/** A value or pattern that names an image is never longer; patterns on longer ones could keep us for ever. */
const patternLimit = 1000

/** Cuts a pattern off a value's beginning or end (twice: as much as fits), or puts something else in its place (twice: everywhere). */
function edited(value: string, operator: string, argument: string): string {
  if (value.length > patternLimit || argument.length > patternLimit)
    throw new BuildError('unresolved-arg', 'a pattern on so long a value is not tried')
  if (operator[0] === '/') return replaced(value, operator === '//', argument)
  const [text, pattern] = operator[0] === '#' ? [value, argument] : [backwards(value), backwards(argument)]
  const lengths = matchLengths(text, pattern)
  const cut = operator.length === 1 ? lengths.indexOf(true) : lengths.lastIndexOf(true)
  if (cut < 0) return value
  return operator[0] === '#' ? value.slice(cut) : value.slice(0, value.length - cut)
}

function replaced(value: string, everywhere: boolean, argument: string): string {
  const [pattern = '', ...rest] = argument.split('/')
  if (/[*?]/.test(pattern)) throw new BuildError('unresolved-arg', `${pattern} cannot be replaced before the build`)
  if (pattern === '') return value
  return everywhere ? value.split(pattern).join(rest.join('/')) : value.replace(pattern, () => rest.join('/'))
}

const backwards = (text: string): string => text.split('').reverse().join('')

/** For each length, whether a pattern (`*` and `?` as a shell has them) is all of the text's beginning; in time of both lengths multiplied. */
function matchLengths(text: string, pattern: string): boolean[] {
  let fits = Array.from({ length: text.length + 1 }, (_, length) => length === 0)
  for (const part of pattern.split('')) {
    let isAny = false
    fits = fits.map((fit, length) => {
      isAny ||= fit
      if (part === '*') return isAny
      return length > 0 && fits[length - 1]! && (part === '?' || part === text[length - 1])
    })
  }
  return fits
}
