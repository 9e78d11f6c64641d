/** What Go's unicode.IsSpace takes for a blank, as a character class: where Docker trims lines. JavaScript's \s differs (U+FEFF, U+0085). */
export const goSpace = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'

const begin = new RegExp(`^${goSpace}+`)
const blank = new RegExp(goSpace)

/** As Go's strings.TrimSpace. */
export const trimmed = (text: string): string => withoutEnd(text.replace(begin, ''), blank)

/** Without the characters at its end that are of this class; an expression of its own would look at a run of blanks once for each of them. */
export function withoutEnd(text: string, ofClass: RegExp): string {
  let end = text.length
  while (end > 0 && ofClass.test(text[end - 1]!)) end--
  return text.slice(0, end)
}
