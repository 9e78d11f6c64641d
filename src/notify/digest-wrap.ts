/** Columns of a mail that reads well in a terminal (RFC 3676 4.2 says 66 to 72). */
export const columns = 72

/**
 * Words in lines of no more columns, the first behind `first`, the others behind as many blanks. A word that is longer (a reference, a
 * digest, an address) is never broken, so that it can be copied.
 */
export function wrap(text: string, first = '', rest = ' '.repeat(first.length)): string {
  const lines: string[] = []
  let line = first
  let empty = true
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = rest
      empty = true
    }
    line += (empty ? '' : ' ') + word
    empty = false
  }
  return [...lines, line].join('\n')
}
