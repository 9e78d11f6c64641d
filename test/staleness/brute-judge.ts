/**
 * The rules of lineage once more, for one platform, straight from lists of layers and history lines: no hashes, no indexes,
 * no SQL. Slow on purpose; it shares nothing with src but the shape of its answer.
 */
export type Line = { made: string | null; by: string }
export type Image = { id: string; lines: Line[]; accounts: boolean; env: string; pushed: number }
export type Stay = { image: Image; from: number; to: number }
export type Tag = { ref: string; stays: Stay[] }
export type Said = { image: Image; name: string; was: Image }
export type Estate = { tags: Tag[]; images: Image[]; said: Said[] }

const layersOf = (i: Image) => i.lines.flatMap((l) => (l.made === null ? [] : [l.made]))
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
const solid = (i: Image, n: number) => i.lines.filter((l) => l.made !== null).slice(0, n)
const equal = (a: Image, b: Image) =>
  same(layersOf(a), layersOf(b)) && (!(a.accounts && b.accounts) || same(a.lines, b.lines))
const release = (a: Image, b: Image) => same(layersOf(a), layersOf(b)) && a.env === b.env
const prefix = (a: unknown[], b: unknown[]) => b.length <= a.length && same(a.slice(0, b.length), b)

function based(a: Image, b: Image): boolean {
  const [x, y] = [layersOf(a), layersOf(b)]
  if (y.length === 0 || !prefix(x, y)) return false
  const speaks = a.accounts && b.accounts && same(solid(a, y.length), solid(b, y.length))
  return speaks ? b.lines.length < a.lines.length && prefix(a.lines, b.lines) : y.length < x.length
}

const shared = (a: Image, b: Image) => {
  if (!a.accounts || !b.accounts) return 0
  let n = 0
  while (n < a.lines.length && n < b.lines.length && same(a.lines[n], b.lines[n])) n++
  return n
}

const now = (t: Tag) => t.stays.find((s) => s.to === Number.POSITIVE_INFINITY)?.image ?? null
const repository = (ref: string) => ref.slice(0, ref.lastIndexOf(':'))

/** The nearest existing names for the base of what T is at: pairs of name and what it was then. */
function candidates(e: Estate, t: Tag, m: Image): { tag: Tag; was: Image }[] | 'none' | 'unnamed' {
  const bases = e.images.filter((b) => b.pushed < Number.POSITIVE_INFINITY && based(m, b))
  const rank = (b: Image) => layersOf(b).length * 1000 + shared(m, b)
  const ranks = [...new Set(bases.map(rank))].sort((a, b) => b - a)
  for (const r of ranks) {
    const contents = bases.filter((b) => rank(b) === r)
    const others = e.tags.filter((x) => x !== t)
    const stays = others.flatMap((tag) =>
      tag.stays.filter((s) => contents.some((c) => equal(s.image, c))).map((s) => ({ tag, s })),
    )
    const within = stays.filter(({ s }) => s.from <= m.pushed && s.to > m.pushed)
    const before = stays.filter(({ s }) => s.to <= m.pushed)
    const last = Math.max(...before.map(({ s }) => s.to))
    const first = Math.min(...stays.map(({ s }) => s.from))
    const earlier = before.length ? before.filter(({ s }) => s.to === last) : stays.filter(({ s }) => s.from === first)
    const found = within.length ? within : earlier
    const living = found.filter(({ tag }) => now(tag))
    const each = [...new Set(living.map(({ tag }) => tag))]
    if (each.length)
      return each.map((tag) => ({
        tag,
        was: living.filter((x) => x.tag === tag).sort((a, b) => b.s.from - a.s.from)[0]!.s.image,
      }))
  }
  const own = t.stays.some((s) => bases.some((b) => b.id === s.image.id))
  return own || bases.length === 0 ? 'none' : 'unnamed'
}

function moved(t: Tag, m: Image, n: Tag, u: Image): boolean {
  const c = now(n)!
  if (release(u, c)) return false
  if (equal(u, c)) return true
  if (equal(c, m) || (based(c, u) && based(m, c))) return false
  const succession = repository(n.ref) === repository(t.ref) || n.stays.some((s) => equal(s.image, m))
  return !(based(c, m) && succession)
}

/** ref → sorted `root` or `root via name` of every counted cause. */
export function bruteBlames(e: Estate): Map<string, string[]> {
  const living = e.tags.filter((t) => now(t))
  const direct = new Map<string, Set<string>>()
  const links = new Map<string, string[]>()
  for (const t of living) {
    const m = now(t)!
    const said = e.said.find((s) => s.image.id === m.id && s.name !== t.ref)
    const named = said && e.tags.find((x) => x.ref === said.name)
    const bases = said && named && now(named) ? [{ tag: named, was: said.was }] : candidates(e, t, m)
    const list = Array.isArray(bases) ? bases : []
    direct.set(t.ref, new Set(list.filter((b) => moved(t, m, b.tag, b.was)).map((b) => b.tag.ref)))
    const declared = said !== undefined && list[0]?.tag === named
    const stays = list.filter((b) => !moved(t, m, b.tag, b.was) && (declared || release(b.was, now(b.tag)!)))
    links.set(
      t.ref,
      stays.map((b) => b.tag.ref),
    )
  }
  const roots = new Map([...direct].map(([ref, own]) => [ref, new Set(own)]))
  for (let grew = true; grew; ) {
    grew = false
    for (const [ref, bases] of links)
      for (const root of bases.flatMap((b) => [...(roots.get(b) ?? [])]))
        if (root !== ref && !roots.get(ref)!.has(root)) grew = Boolean(roots.get(ref)!.add(root))
  }
  const blame = (ref: string, root: string) => {
    if (direct.get(ref)!.has(root)) return root
    const via = links
      .get(ref)!
      .filter((b) => roots.get(b)?.has(root))
      .sort()[0]
    return `${root} via ${via}`
  }
  return new Map(living.map((t) => [t.ref, [...roots.get(t.ref)!].map((root) => blame(t.ref, root)).sort()]))
}
