import { z } from 'zod'
import { ApiError } from './problem.ts'
import { illFormedAt } from './well-formed.ts'

/** `?cursor=&limit=` of every list. */
export const pageQuery = {
  cursor: z.string().max(2000).optional().describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(100).describe('items of a page'),
}

/** `{items, next}`: `next` is the cursor of the page that follows, null after the last. */
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() })

/** A cursor is the sort key of the last item, opaque to clients. */
export const encodeCursor = (key: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url')

/** The key in a cursor, or null without one. `shape` is what it must be; another cursor is a bad request. */
export function decodeCursor<T extends z.ZodType>(cursor: string | undefined, shape: T): z.infer<T> | null {
  if (cursor === undefined) return null
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (illFormedAt(key) !== null) throw new Error('a text in it is none')
    return shape.parse(key)
  } catch (cause) {
    throw Object.assign(new ApiError('bad-request', 'no such cursor'), { cause })
  }
}

/** One page of rows that were read one beyond the limit. */
export function page<T, R>(
  rows: readonly T[],
  limit: number,
  key: (row: T) => readonly (string | number)[],
  item: (row: T) => R,
): { items: R[]; next: string | null } {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  return { items: kept.map(item), next: rows.length > limit && last ? encodeCursor(key(last)) : null }
}

/** A cursor that is one text. */
export const oneText = z.tuple([z.string()])

/** A cursor of rows by time and id, as a Date writes the time. */
export const timeAndId = z.tuple([z.iso.datetime().regex(/^(19|2\d)\d\d-/), z.uuid()])

/** A cursor of rows by an instant (64 bits of nanoseconds, as text) and a name. */
export const instantAndName = z.tuple([
  z
    .string()
    .regex(/^-?\d{1,19}$/)
    .refine((text) => BigInt.asIntN(64, BigInt(text)) === BigInt(text)),
  z.string(),
])

/** Of lists that are read by their last item’s name alone. */
export const cursorOf = (text: string | undefined) => decodeCursor(text, oneText)?.[0] ?? null
export const listOf = <T>(found: { items: T[]; next: string | null }) => ({
  items: found.items,
  next: found.next === null ? null : encodeCursor([found.next]),
})
