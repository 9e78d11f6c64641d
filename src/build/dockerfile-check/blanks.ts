/** What Go's unicode.IsSpace takes for a blank, as a character class: where Docker trims lines. JavaScript's \s differs (U+FEFF, U+0085). */
export const goSpace = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'

const ends = new RegExp(`^${goSpace}+|${goSpace}+$`, 'g')

/** As Go's strings.TrimSpace. */
export const trimmed = (text: string): string => text.replace(ends, '')
