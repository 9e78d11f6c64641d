import { trimmed } from './blanks.ts'

/** An instruction taken apart: its keyword in capitals, its flags without quotes, what follows them. */
export type Parts = { keyword: string; flags: string[]; rest: string }

/** Why an instruction cannot be taken apart for certain. */
export type Unclear = { unclear: string }

/**
 * Splits an instruction as Docker does: the keyword ends at a blank, and words that begin with `--` are flags, their quotes and backslashes
 * taken away whatever the escape character is. Docker goes byte by byte, so that anything but ASCII may fall apart: there it is unclear.
 * After moby/buildkit frontend/dockerfile/parser/split_command.go.
 */
export function readParts(text: string): Parts | Unclear {
  if (!/^[\t ]*[\x21-\x7e]/.test(text)) return { unclear: 'it begins with a blank that is neither space nor tab' }
  const line = trimmed(text)
  const keyword = /^[^\t\v\f\r ]+/.exec(line)![0]
  if (!/^[\x21-\x7e]+$/.test(keyword)) return { unclear: `its keyword "${keyword}" has characters that no keyword has` }
  const flags: string[] = []
  let i = keyword.length
  for (;;) {
    const blank = /^[\t\v\f\r ]*/.exec(line.slice(i))![0]
    if (/[\v\f\r]/.test(blank)) return { unclear: 'a blank in it is neither space nor tab' }
    i += blank.length
    if (!line.startsWith('--', i)) break
    const word = readFlag(line, i)
    if (word === null) return { unclear: `its flag ${line.slice(i).split(/\s/)[0]} cannot be read for certain` }
    i = word.end
    if (word.text === '--') break
    flags.push(word.text)
  }
  return { keyword: keyword.toUpperCase(), flags, rest: trimmed(line.slice(i)) }
}

/** The flag that begins at `at`, up to a blank outside quotes; null where it has what Docker would read in pieces. */
function readFlag(line: string, at: number): { text: string; end: number } | null {
  let text = ''
  let quote: string | null = null
  for (let i = at; i <= line.length; i++) {
    const char = line[i]
    if (char === undefined) return quote === null ? { text, end: i } : null
    if (!/[\t\x20-\x7e]/.test(char)) return null
    if (quote === null && /[\t ]/.test(char)) return { text, end: i }
    if (char === quote) quote = null
    else if (quote === null && /['"]/.test(char)) quote = char
    else if (char === '\\') {
      i++
      if (i >= line.length || !/[\t\x20-\x7e]/.test(line[i]!)) return null
      text += line[i]
    } else text += char
  }
  return null
}
