import { BuildError } from './build-error.ts'

/** A body that follows an instruction: until a line that is `name` alone (tabs before it left out where `chomp`). */
type Heredoc = { name: string; chomp: boolean }

/** The instructions that may have one; ONBUILD where its trigger is one of them. */
const holders = /^(?:ONBUILD[ \t]+)?(ADD|COPY|RUN)(?=[ \t])/i

/** True where an instruction has a heredoc; also one that does not end. */
export const hasHeredocs = (text: string, escapeChar: string): boolean => read(text, escapeChar).found

/**
 * The same Dockerfile, character for character in place, with heredoc bodies blanked and their markers hidden: what is left is what a
 * parser without heredocs reads right. Follows BuildKit: a marker is a word of its own (`<<EOF`, `3<<-"E F"`; neither inside quotes nor
 * in the JSON form), a line is continued by one escape character at its end, not by two.
 * Error: `dockerfile-invalid` where a heredoc does not end.
 * https://docs.docker.com/reference/dockerfile/#here-documents
 */
export function withoutHeredocs(text: string, escapeChar: string): string {
  const { out, open } = read(text, escapeChar)
  if (open) throw new BuildError('dockerfile-invalid', `the heredoc ${open.name} does not end`)
  return out
}

/** `found`: there is one; `open`: the one that does not end. */
function read(text: string, escapeChar: string): { out: string; found: boolean; open: Heredoc | undefined } {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  let instruction: string[] = []
  let open: Heredoc[] = []
  let found = false
  const out = lines.map((line, at) => {
    const bare = line.replace(/\r?\n$/, '')
    const heredoc = open[0]
    if (heredoc) {
      if ((heredoc.chomp ? bare.replace(/^\t+/, '') : bare) === heredoc.name) open = open.slice(1)
      return blanked(line)
    }
    // Comments and empty lines are passed over, inside of an instruction too.
    if (/^\s*(#|$)/.test(bare)) return line
    const continued = isContinued(bare, escapeChar)
    const start = instruction.length === 0 ? bare.trimStart() : bare
    instruction.push(continued ? start.trimEnd().slice(0, -1) : start)
    const shown = hidden(line, instruction[0]!, escapeChar)
    if (continued && at < lines.length - 1) return shown
    open = heredocsOf(instruction.join(''))
    found ||= open.length > 0
    instruction = []
    return shown
  })
  return { out: out.join(''), found, open: open[0] }
}

const blanked = (text: string): string => text.replace(/[^\r\n]/g, ' ')

/** One escape character before the end of the line; a doubled one is a character like any other. */
const isContinued = (line: string, escapeChar: string): boolean => {
  const end = line.trimEnd()
  return end.endsWith(escapeChar) && !end.endsWith(escapeChar + escapeChar)
}

/** Markers of heredocs, and a doubled escape at a line's end, mean something to the parser that they are not. */
function hidden(line: string, start: string, escapeChar: string): string {
  const shown = holders.test(start) ? line.replaceAll('<<', '__') : line
  const text = shown.trimEnd()
  if (/^(FROM|ARG)\b/i.test(start) || !text.endsWith(escapeChar + escapeChar)) return shown
  return `${text.slice(0, -1)}_${shown.slice(text.length)}`
}

function heredocsOf(instruction: string): Heredoc[] {
  const text = instruction.trimStart()
  const found = holders.exec(text)
  if (!found) return []
  const words = wordsOf(text.slice(found[0].length))
  if (isJson(words)) return []
  return words.flatMap((word) => {
    const [, dash, rest = ''] = /^\d*<<(-?)([^<]+)$/.exec(word) ?? []
    return dash === undefined ? [] : [{ name: unquoted(rest), chomp: dash === '-' }]
  })
}

const isJson = (words: string[]): boolean => {
  const rest = words.slice(words.findIndex((word) => !word.startsWith('--'))).join(' ')
  if (!rest.startsWith('[')) return false
  try {
    return Array.isArray(JSON.parse(rest))
  } catch {
    return false // then it is a shell's own bracket
  }
}

/** Splits at blanks outside quotes; quotes and escapes stay in the words. */
const wordsOf = (text: string): string[] => text.match(/(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s])+/g) ?? []

const unquoted = (word: string): string =>
  word.replace(
    /\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'/g,
    (_, escaped, double, single) => escaped ?? double ?? single ?? '',
  )
