import { trimmed } from './blanks.ts'
import { type HeredocEnd, heredocWords, lexers } from './heredoc-words.ts'
import type { Lexer } from './words-of.ts'

/**
 * Each `<<` of an instruction in order, with every name that any of Docker's parsers may wait for there. More than any one of them sees,
 * wherever it stands (quotes, arithmetic, JSON): a name that no line bears costs nothing. Never less.
 * After heredocsFromLine and shell.Lex of moby/buildkit.
 */
export function heredocsIn(text: string): HeredocEnd[][] {
  return [...text.matchAll(/<<(-?)/g)].map((found) => {
    const chomp = found[1] === '-'
    const rest = text.slice(found.index + found[0].length)
    const names = namesAt(rest).flatMap((name) => [
      { name, chomp },
      // a variable that is empty may stand before the dash
      ...(name.startsWith('-') ? [{ name: name.slice(1), chomp: true }] : []),
    ])
    return names.filter(({ name }) => name !== '')
  })
}

/**
 * True where one of Docker's parsers finds a heredoc that `heredocsIn` does not know: variables and escapes may make one (`<$X<`), or its name.
 * Beside rare blanks, of which parsers think differently, and hundreds of marks.
 */
export function hasHiddenHeredoc(text: string): boolean {
  if (text.indexOf('<') === text.lastIndexOf('<') || !mayHoldHeredocs(text)) return false
  if (text.includes('<<') && /[^\S \t]|\u0085/.test(text)) return true
  if (text.split('<<').length > mostMarks) return true
  const known = heredocsIn(text)
  return lexersFor(text).some((lexer) => !covers(known, heredocWords(text, lexer)))
}

/** Those that may differ in it. */
function lexersFor(text: string): Lexer[] {
  const [hasEscape, hasVariable] = [text.includes('\\'), text.includes('$')]
  const hasInner = hasEscape && text.includes('${')
  return lexers.filter(
    ({ keepsEscapes, keepsVariables, innerEscapes }) =>
      (hasEscape || keepsEscapes) && (hasVariable || keepsVariables) && (hasInner || innerEscapes === 'all'),
  )
}

/** In one instruction; people write a handful. */
const mostMarks = 500

/** Whether the one has each of the others, in their order. */
function covers(known: readonly HeredocEnd[][], found: readonly HeredocEnd[][]): boolean {
  let at = 0
  for (const ends of found) {
    while (at < known.length && !ends.every((end) => includes(known[at]!, end))) at++
    if (at++ >= known.length) return false
  }
  return true
}

const includes = (ends: readonly HeredocEnd[], { name, chomp }: HeredocEnd): boolean =>
  ends.some((end) => end.name === name && end.chomp === chomp)

/** RUN, COPY and ADD, by themselves or under ONBUILD; and whatever has a keyword that is not plain. */
export function mayHoldHeredocs(text: string): boolean {
  const keyword = /^[a-z]+(?=[\t ]|$)/i.exec(trimmed(text))?.[0]
  return keyword === undefined || /^(RUN|COPY|ADD|ONBUILD)$/i.test(keyword)
}

function namesAt(rest: string): string[] {
  // Newer parsers pass over blanks between the mark and its name.
  const start = rest.trimStart()
  const bare = /^[^\s<]*/.exec(start)![0]
  const quoted = /^(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s<"'\\])*/.exec(start)![0]
  const names = [bare, quoted].flatMap((name) => [name, unquoted(name), name.replaceAll(/["']/g, '')])
  return [...new Set(names.flatMap((name) => [name, name.replaceAll(/\$\{\w*\}|\$\w+/g, '')]))]
}

const unquoted = (word: string): string =>
  word.replace(
    /\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'/g,
    (_, escaped, double, single) => escaped ?? double?.replaceAll(/\\(["$\\])/g, '$1') ?? single ?? '',
  )
