/** Characters of a stored message; what is longer is cut between characters. */
const longest = 2000

/**
 * Text from outside (of git, docker, another service) as PostgreSQL and a JSON reader can hold it: no half surrogates, no NUL, other
 * control characters but tab and newline shown as U+FFFD.
 * https://www.postgresql.org/docs/current/datatype-json.html#JSON-TYPE-MAPPING
 */
export const storable = (text: string): string =>
  text.toWellFormed().replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd')

/** The same, at most `max` characters (code points) of it. */
export function shortened(text: string, max = longest): string {
  const whole = storable(text)
  if (whole.length <= max) return whole
  const points = [...whole.slice(0, 2 * max + 2)]
  return points.length > max ? `${points.slice(0, max - 1).join('')}…` : whole
}

/** A value as JSON that jsonb takes, whatever its strings hold. */
export const storableJson = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storable(part) : part))
