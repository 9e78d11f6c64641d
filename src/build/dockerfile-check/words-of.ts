import { goSpace } from './blanks.ts'

/** In what Docker's parsers since 2021 differ, when they take an instruction apart for heredocs. */
export type Lexer = {
  /** variables stay as they are written; else they are what they are without a value */
  keepsVariables: boolean
  keepsQuotes: boolean
  /** escape characters stay in words */
  keepsEscapes: boolean
  /** inside of a variable, as in `${X:-\\a}`, all stay, those of patterns, or none */
  innerEscapes: 'all' | 'patterns' | 'none'
  /** blanks after `<<` are part of the word */
  takesBlanks: boolean
}

/**
 * A text's words as a shell would see them, with no variable set; null where a quote or variable does not end, or is none that Docker knows: it then
 * has no words at all. The escape character is always the backslash. Quotes inside of a variable do not keep its words together.
 * After frontend/dockerfile/shell/lex.go of moby/buildkit.
 */
export function wordsOf(text: string, lexer: Lexer): string[] | null {
  const scan: Scan = { text, at: 0 }
  const words: string[] = []
  let word = ''
  for (;;) {
    const piece = nextPiece(scan, lexer, lexer.keepsEscapes)
    if (piece === 'end') break
    if (piece === 'stuck') return null
    const [first = '', ...others] = piece.splits ? piece.text.split(blank) : [piece.text]
    word += first
    for (const other of others) {
      if (word !== '') words.push(word)
      word = other
    }
  }
  return word === '' ? words : [...words, word]
}

const blank = new RegExp(goSpace)
/** What means nothing to anybody here. */
const plain = /[^$'"\\<}/\s\u0085]+/y

type Scan = { text: string; at: number }
/** `splits`: blanks in it end words. */
type Piece = { text: string; splits: boolean } | 'end' | 'stuck'

function nextPiece(scan: Scan, lexer: Lexer, keepsEscapes: boolean): Piece {
  const char = scan.text[scan.at]
  if (char === undefined) return 'end'
  const run = matchAt(plain, scan)
  if (run !== '') return whole(run)
  if (char === "'" || char === '"') return whole(char === "'" ? single(scan, lexer) : double(scan, lexer, keepsEscapes))
  if (char === '$') {
    const text = variable(scan, lexer)
    return text === null ? 'stuck' : { text, splits: true }
  }
  scan.at++
  if (char === '\\') return whole((keepsEscapes ? char : '') + matchAt(/./suy, scan))
  if (char !== '<' || !lexer.takesBlanks || scan.text[scan.at] !== '<') return { text: char, splits: true }
  scan.at++
  return whole(`<<${matchAt(/[ \t]+/y, scan)}`)
}

/** Passes over what the expression, which is sticky, finds here. */
function matchAt(expression: RegExp, scan: Scan): string {
  expression.lastIndex = scan.at
  const found = expression.exec(scan.text)?.[0] ?? ''
  scan.at += found.length
  return found
}

const whole = (text: string | null): Piece => (text === null ? 'stuck' : { text, splits: false })

/** Up to `stop`, which is passed over; null where it does not come. */
function until(stop: string, scan: Scan, lexer: Lexer, keepsEscapes: boolean): string | null {
  let text = ''
  while (scan.text[scan.at] !== stop) {
    const piece = nextPiece(scan, lexer, keepsEscapes)
    if (piece === 'end' || piece === 'stuck') return null
    text += piece.text
  }
  scan.at++
  return text
}

function single(scan: Scan, { keepsQuotes }: Lexer): string | null {
  const end = scan.text.indexOf("'", scan.at + 1)
  if (end < 0) return null
  const text = scan.text.slice(scan.at + 1, end)
  scan.at = end + 1
  return keepsQuotes ? `'${text}'` : text
}

function double(scan: Scan, lexer: Lexer, keepsEscapes: boolean): string | null {
  let text = ''
  for (scan.at++; scan.text[scan.at] !== '"'; ) {
    const char = scan.text[scan.at]
    if (char === undefined) return null
    if (char === '$') {
      const value = variable(scan, lexer)
      if (value === null) return null
      text += value
    } else if (char === '\\') {
      scan.at++
      text += (keepsEscapes ? char : '') + (matchAt(/["$\\]/y, scan) || char)
    } else text += matchAt(/[^"$\\]+/y, scan)
  }
  scan.at++
  return lexer.keepsQuotes ? `"${text}"` : text
}

/** What stands for a variable; null for what is none. */
function variable(scan: Scan, lexer: Lexer): string | null {
  scan.at++
  if (scan.text[scan.at] !== '{') {
    const name = nameAt(scan)
    return name === '' ? '$' : lexer.keepsVariables ? `$${name}` : ''
  }
  scan.at++
  if (/^[{}:]?$/.test(scan.text[scan.at] ?? '')) return null
  const name = nameAt(scan)
  let mark = scan.text[scan.at++] ?? ''
  if (mark === '}') return lexer.keepsVariables ? `\${${name}}` : ''
  if (mark === '/') return replaced(name, scan, lexer)
  if (mark === ':') mark += scan.text[scan.at++] ?? ''
  if (!/^(:.|[-+?#%])$/su.test(mark)) return null
  const word = until('}', scan, lexer, keepsInner(lexer, /[#%]$/.test(mark)))
  if (word === null) return null
  if (lexer.keepsVariables) return `\${${name}${mark}${word}}`
  if (!/^:?[-+#%]$/.test(mark)) return null
  return mark.endsWith('-') ? word : ''
}

const keepsInner = ({ innerEscapes }: Lexer, isPattern: boolean): boolean =>
  innerEscapes === 'all' || (innerEscapes === 'patterns' && isPattern)

function replaced(name: string, scan: Scan, lexer: Lexer): string | null {
  if (scan.text[scan.at] === '/') scan.at++
  const pattern = until('/', scan, lexer, keepsInner(lexer, true))
  const instead = pattern === null ? null : until('}', scan, lexer, keepsInner(lexer, true))
  if (pattern === null || instead === null) return null
  return lexer.keepsVariables ? `\${${name}/${pattern}/${instead}}` : ''
}

/** A name, a run of digits, or one of the shell's own. */
const nameAt = (scan: Scan): string => matchAt(/\p{Nd}+|[@*#?$!-]|[\p{L}_][\p{L}\p{Nd}_]*/uy, scan)
