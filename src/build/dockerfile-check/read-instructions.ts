import { goSpace, trimmed } from './blanks.ts'
import { heredocsIn } from './heredocs-in.ts'

/** One instruction as one of Docker's parsers reads it: `text` is its lines joined, `next` the index of the line after it and its heredocs. */
export type Reading = { text: string; next: number }

/** All that any parser may read at a line, or null for a comment or an empty line. `read`: how many lines were looked at. */
export type Readings = { skip: number } | { readings: Reading[]; read: number }

/**
 * What Docker's parsers since 2018 take for the instruction that begins at line `at`: they differ in whether two escape characters at a
 * line's end continue it, and in what is a heredoc. A heredoc that does not end is no reading: Docker refuses such a file.
 * After moby/buildkit frontend/dockerfile/parser/parser.go.
 */
export function readInstruction(lines: readonly string[], at: number, escapeChar: string): Readings {
  const first = lines[at]!.replace(leading, '')
  if (first === '' || first.startsWith('#')) return { skip: at + 1 }
  const readings: Reading[] = []
  let read = 0
  let text = ''
  for (let i = at; i < lines.length; i++) {
    read++
    const line = i === at ? first : lines[i]!
    const bare = line.replace(leading, '')
    if (i > at && (bare === '' || bare.startsWith('#'))) continue
    const end = line.replace(/[ \t]+$/, '')
    const isContinued = end.endsWith(escapeChar)
    const isDoubled = end.endsWith(escapeChar + escapeChar)
    if (!isContinued || isDoubled) read += withHeredocs(lines, text + line, i + 1, readings)
    if (!isContinued) return { readings, read }
    text += end.slice(0, -1)
  }
  read += withHeredocs(lines, text, lines.length, readings)
  return { readings, read }
}

const leading = new RegExp(`^${goSpace}+`)

/** Adds the readings of an instruction that ends before line `next`, with each choice of what is a heredoc. Gives the lines looked at. */
function withHeredocs(lines: readonly string[], text: string, next: number, readings: Reading[]): number {
  let read = 0
  let ends = new Set([next])
  if (mayHoldHeredocs(text))
    for (const names of heredocsIn(text)) {
      const further = new Set(ends)
      for (const from of ends)
        for (const { name, chomp } of names) {
          let i = from
          while (i < lines.length && (chomp ? lines[i]!.replace(/^\t+/, '') : lines[i]) !== name) i++
          read += i - from
          if (i < lines.length) further.add(i + 1)
        }
      ends = further
    }
  // The most heredocs first: so today's Docker reads.
  readings.push(...[...ends].sort((a, b) => b - a).map((end) => ({ text, next: end })))
  return read
}

/** RUN, COPY and ADD, by themselves or under ONBUILD; and whatever has a keyword that is not plain. */
const mayHoldHeredocs = (text: string): boolean => {
  const keyword = /^[a-z]+(?=[\t ]|$)/i.exec(trimmed(text))?.[0]
  return keyword === undefined || /^(RUN|COPY|ADD|ONBUILD)$/i.test(keyword)
}
