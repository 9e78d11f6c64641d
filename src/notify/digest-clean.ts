import type { Told } from './digest-outline.ts'

declare const clean: unique symbol
/** What was told, with texts alone that may be shown as they are: `cleaned` makes it, and nothing else is taken into a mail. */
export type Clean = Told & { readonly [clean]: true }

/** Names of ours are shorter; what others say goes on behind the link. */
const longest = 1000
/** What starts a line, moves a cursor, or turns or hides what stands beside it. */
const odd = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu

/** A text of others on one line, of bounded length. */
export function cleanText(text: string): string {
  const line = text.search(odd) < 0 ? text : text.replace(odd, ' ')
  return line.length > longest ? `${line.slice(0, longest).toWellFormed()}…` : line
}

/** What was cleaned, by the object it was made of: many notices share what they tell. */
const made = new WeakMap<object, object>()

/** A notice as it may be shown. The same object is made of the same, and of what is clean already itself. */
export const cleaned = (told: Told): Clean => cleanObject(told) as Clean

function cleanObject(value: object): object {
  const known = made.get(value)
  if (known) return known
  const parts: [string, unknown][] = Object.entries(value).map(([key, part]) => [key, cleanValue(part)])
  const isSame = parts.every(([key, part]) => Object.is(part, value[key as keyof typeof value]))
  const done = isSame ? value : Array.isArray(value) ? parts.map(([, part]) => part) : Object.fromEntries(parts)
  made.set(value, done)
  return done
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value)
  return typeof value === 'object' && value !== null ? cleanObject(value) : value
}
