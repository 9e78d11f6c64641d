/** A piece of the text, by its offsets. */
export type Place = { start: number; end: number }

/** A word of a Dockerfile; `line` counted from 0. */
export type Token = Place & { text: string; line: number }

/** What is to stand in place of a piece of the text. */
export type Edit = Place & { text: string }

/** The same text with these pieces replaced, which do not overlap. */
export function rewritten(text: string, edits: readonly Edit[]): string {
  const inOrder = [...edits].sort((a, b) => a.start - b.start)
  const parts = inOrder.map((edit, at) => text.slice(inOrder[at - 1]?.end ?? 0, edit.start) + edit.text)
  return parts.join('') + text.slice(inOrder.at(-1)?.end ?? 0)
}

type TextRange = { start: { line: number; character: number }; end: { line: number; character: number } }

/** The word that stands at a range of the parser's. */
export const tokenAt = (text: string, range: TextRange, offsets: number[]): Token => ({
  text,
  start: offsets[range.start.line]! + range.start.character,
  end: offsets[range.end.line]! + range.end.character,
  line: range.start.line,
})

/** Where each line starts; a line ends with LF, CRLF or CR, as the parser counts them. */
export const lineOffsets = (text: string): number[] => [
  0,
  ...[...text.matchAll(/\r\n|\n|\r/g)].map((m) => m.index + m[0].length),
]
