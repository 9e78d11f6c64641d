import fc from 'fast-check'

/** Bases of each tag; a tag's are among those before it. */
export const graph = fc
  .array(fc.uniqueArray(fc.nat(8), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 })
  .map((rows) => [[], ...rows.map((bases, i) => [...new Set(bases.map((base) => base % (i + 1)))])])

/** Any bases but itself: cycles of every kind. */
export const cyclic = fc
  .array(fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 5 })
  .map((rows) => [[], ...rows.map((bases, i) => bases.filter((base) => base !== i + 1 && base <= rows.length))])

export const picks = fc.infiniteStream(fc.nat(1000))

/** All that is based on tag 0, over however many. */
export function reachedFrom0(bases: readonly (readonly number[])[]): string[] {
  const reached = new Set([0])
  for (let size = 0; size !== reached.size; ) {
    size = reached.size
    for (const [i, own] of bases.entries()) if (own.some((base) => reached.has(base))) reached.add(i)
  }
  reached.delete(0)
  return [...reached].sort().map((i) => `t${i}`)
}
