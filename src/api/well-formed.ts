/** What PostgreSQL cannot hold in a text: NUL, and half of a surrogate pair. */
const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** The path of the first text that cannot be stored, in a parsed JSON value, or null. Keys are texts too. */
export function illFormedAt(value: unknown, path: string[] = []): string | null {
  if (typeof value === 'string') return isText(value) ? null : path.join('.')
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const found = isText(key) ? illFormedAt(inner, [...path, key]) : path.join('.')
    if (found !== null) return found
  }
  return null
}
