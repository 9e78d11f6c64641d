import { goSpace, withoutEnd } from './blanks.ts'
import { fault } from './fault.ts'
import { heredocsIn, mayHoldHeredocs } from './heredocs-in.ts'

/** One instruction as one of Docker's parsers reads it: `text` is its lines joined, `next` the index of the line after it and its heredocs. */
export type Reading = { text: string; next: number }

/** All that any parser may read at a line; only where to go on for a comment or an empty line. */
export type Readings = { skip: number } | { readings: Reading[] }

/** Is told of work, in lines looked at and characters kept, and throws where there was too much for one file. */
export type Spend = (at: number, lines: number, characters?: number) => void

const mostLines = 2_000_000
const mostCharacters = 8_000_000

/** What people write takes a few looks at each line, and keeps a few times the file. Error: `dockerfile-invalid`. */
export function makeBudget(): Spend {
  let [lines, characters] = [0, 0]
  return (at, moreLines, moreCharacters = 0) => {
    lines += moreLines
    characters += moreCharacters
    if (lines > mostLines || characters > mostCharacters)
      throw fault(at, 'what is an instruction here takes too long to find out')
  }
}

/**
 * What Docker's parsers since 2018 take for the instruction that begins at line `at`: they differ in whether two escape characters at a
 * line's end continue it, and in what is a heredoc. A heredoc that does not end is no reading: Docker refuses such a file.
 * After moby/buildkit frontend/dockerfile/parser/parser.go.
 */
export function readInstruction(lines: readonly string[], at: number, escapeChar: string, spend: Spend): Readings {
  const first = lines[at]!.replace(leading, '')
  if (first === '' || first.startsWith('#')) return { skip: at + 1 }
  const readings: Reading[] = []
  let text = ''
  for (let i = at; i < lines.length; i++) {
    spend(at, 1)
    const line = i === at ? first : lines[i]!
    const bare = line.replace(leading, '')
    if (i > at && (bare === '' || bare.startsWith('#'))) continue
    const end = withoutEnd(line, /[ \t]/)
    const isContinued = end.endsWith(escapeChar)
    const isDoubled = end.endsWith(escapeChar + escapeChar)
    if (!isContinued || isDoubled) {
      spend(at, 1, text.length + line.length)
      addReadings(lines, text + line, i + 1, readings, (looked) => spend(at, looked))
    }
    if (!isContinued) return { readings }
    text += end.slice(0, -1)
  }
  spend(at, 1, text.length)
  addReadings(lines, text, lines.length, readings, (looked) => spend(at, looked))
  return { readings }
}

const leading = new RegExp(`^${goSpace}+`)

/** Adds the readings of an instruction that ends before line `next`, with each choice of what is a heredoc. `spend`: told the lines looked at. */
function addReadings(
  lines: readonly string[],
  text: string,
  next: number,
  readings: Reading[],
  spend: (lines: number) => void,
): void {
  let ends = new Set([next])
  if (mayHoldHeredocs(text))
    for (const names of heredocsIn(text)) {
      const further = new Set(ends)
      for (const from of ends)
        for (const { name, chomp } of names) {
          let i = from
          while (i < lines.length && (chomp ? lines[i]!.replace(/^\t+/, '') : lines[i]) !== name) i++
          spend(i - from + 1)
          if (i < lines.length) further.add(i + 1)
        }
      ends = further
    }
  // The most heredocs first: so today's Docker reads.
  readings.push(...[...ends].sort((a, b) => b - a).map((end) => ({ text, next: end })))
}
