/** What images are to each other, from their lists of layers and history lines alone. For the brute-force judge. */
export type Line = { made: string | null; by: string }
/** `pushed`: its earliest push event, `seen`: its earliest sighting; Infinity = none. Known at all where one of them is finite. */
export type Image = {
  id: string
  platform: string
  lines: Line[]
  accounts: boolean
  env: string
  created: number | null
  pushed: number
  seen: number
}

const forever = Number.POSITIVE_INFINITY
export const layersOf = (i: Image) => i.lines.flatMap((l) => (l.made === null ? [] : [l.made]))
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
const solid = (i: Image, n: number) => i.lines.filter((l) => l.made !== null).slice(0, n)
export const equal = (a: Image, b: Image) =>
  a.id === b.id || (same(layersOf(a), layersOf(b)) && (!(a.accounts && b.accounts) || same(a.lines, b.lines)))
export const release = (a: Image, b: Image) => a.id === b.id || (same(layersOf(a), layersOf(b)) && a.env === b.env)
const prefix = (a: unknown[], b: unknown[]) => b.length <= a.length && same(a.slice(0, b.length), b)
export const begins = (a: Image, b: Image) => layersOf(b).length > 0 && prefix(layersOf(a), layersOf(b))
export const known = (i: Image) => i.pushed < forever || i.seen < forever
/** Never seen pushed, or sighted before its first known push: it may have been there for ever. A sighting's time is cut to the second. */
export const ageless = (i: Image) => i.pushed === forever || i.seen + 1 < i.pushed

export function based(a: Image, b: Image): boolean {
  const [x, y] = [layersOf(a), layersOf(b)]
  if (y.length === 0 || !prefix(x, y)) return false
  const speaks = a.accounts && b.accounts && same(solid(a, y.length), solid(b, y.length))
  return speaks ? b.lines.length < a.lines.length && prefix(a.lines, b.lines) : y.length < x.length
}

export const shared = (a: Image, b: Image) => {
  if (!a.accounts || !b.accounts) return 0
  let n = 0
  while (n < a.lines.length && n < b.lines.length && same(a.lines[n], b.lines[n])) n++
  return n
}
