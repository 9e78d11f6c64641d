import { ageless, based, begins, equal, type Image, known, layersOf, release, shared } from './brute-content.ts'

/*
 * The rules of lineage once more, straight from lists of layers and history lines: no hashes, no indexes, no SQL. Slow on
 * purpose; it shares nothing with src but the words. Times are plain numbers of seconds.
 */

/** At a head (manifest or index) with its images; `to` Infinity = now. `exact` false: found so at `from`. `dark`: some of it cannot be read. */
export type Stay = { head: string; images: Image[]; dark?: boolean; from: number; to: number; exact: boolean }
export type Tag = { ref: string; stays: Stay[] }
/** `subject` (an image's or a head's id) names a base, null: by digest alone; `was`: the images behind it, `index`: as an index. */
export type Said = {
  subject: string
  evidence: 'provenance' | 'annotation' | 'label'
  name: string | null
  digest: string | null
  was: Image[]
  index: boolean
}
/** `countBuild`: the tags whose build causes count. */
export type Estate = { tags: Tag[]; images: Image[]; said: Said[]; countBuild: string[] }

type Role = 'runtime' | 'build' | 'unknown'
type Part = {
  direct: { root: string; role: Role }[]
  links: { name: string; role: Role; platform: string }[]
  unknown: { reason: string; role: Role }[]
  byLayers: boolean
}
export type Outcome = { status: 'current' | 'outdated' | 'unknown'; causes: string[] }

const forever = Number.POSITIVE_INFINITY
const now = (t: Tag | undefined) => t?.stays.find((s) => s.to === forever) ?? null
const repository = (ref: string) => ref.slice(0, ref.lastIndexOf(':'))
const onPlatform = (s: Stay, platform: string) => s.images.find((i) => i.platform === platform)

/** When M may have been built: from its `created`, where that is plausible, until its first push. */
function builtFrom(e: Estate, m: Image, base: Image): number {
  const members = e.images.filter((i) => known(i) && equal(i, base))
  const first = members.some(ageless) ? Number.NEGATIVE_INFINITY : Math.min(...members.map((i) => i.pushed))
  return m.created !== null && m.created <= m.pushed && first <= m.created ? m.created : m.pushed
}

/**
 * The nearest existing names for the base of what T is at: pairs of name and what it was then. `u`: its base by a bare digest; then
 * the nearest is U itself, and after it what U is based on.
 */
function candidates(e: Estate, t: Tag, m: Image, u: Image | null): { tag: Tag; was: Image }[] | 'none' | 'unnamed' {
  const isU = (b: Image) => b.id === u?.id
  const bases = e.images.filter((b) => known(b) && (isU(b) || based(u ?? m, b)))
  const rank = (b: Image) => (isU(b) ? forever : layersOf(b).length * 1000 + shared(u ?? m, b))
  for (const r of [...new Set(bases.map(rank))].sort((a, b) => b - a)) {
    const stays = e.tags
      .filter((tag) => tag !== t)
      .flatMap((tag) =>
        tag.stays.flatMap((s, i) =>
          bases
            .filter((b) => rank(b) === r)
            .flatMap((b) => {
              const held = s.images.filter((image) => equal(image, b))
              const was = held.find((image) => image.platform === m.platform) ?? held[0]
              const from = i === 0 && !s.exact ? Number.NEGATIVE_INFINITY : s.from
              return was ? [{ tag, s, was, from, start: builtFrom(e, m, b) }] : []
            }),
        ),
      )
    const living = whenBuilt(stays, m).filter(({ tag }) => now(tag))
    const latest = (tag: Tag) => living.filter((x) => x.tag === tag).sort((a, b) => b.s.from - a.s.from)[0]!
    const each = [...new Set(living.map(({ tag }) => tag))]
    if (each.length > 0) return each.map((tag) => ({ tag, was: latest(tag).was }))
  }
  const own = t.stays.some((s) => s.images.some((i) => bases.some((b) => equal(b, i))))
  return own || bases.length === 0 ? 'none' : 'unnamed'
}

/** Those there while M was built; if none, those that left last before; if none, those that came first after. */
function whenBuilt<S extends { s: Stay; from: number; start: number }>(stays: S[], m: Image): S[] {
  if (ageless(m)) return stays
  const within = stays.filter(({ s, from, start }) => from <= m.pushed && s.to > start)
  if (within.length > 0) return within
  const before = stays.filter(({ s, start }) => s.to <= start)
  const last = Math.max(...before.map(({ s }) => s.to))
  const first = Math.min(...stays.map(({ from }) => from))
  return before.length > 0 ? before.filter(({ s }) => s.to === last) : stays.filter(({ from }) => from === first)
}

/** at: the same release; spared: elsewhere, but not moved for T; lost: the name has nothing for this platform now. */
function compare(t: Tag, m: Image, n: Tag, u: Image, platform: string): 'at' | 'spared' | 'moved' | 'lost' {
  const c = onPlatform(now(n)!, platform) ?? onPlatform(now(n)!, u.platform)
  if (!c) return 'lost'
  if (release(u, c)) return 'at'
  if (equal(u, c)) return 'moved'
  if (equal(c, m) || (based(c, u) && based(m, c))) return 'spared'
  const there = (s: Stay) => equal(onPlatform(s, m.platform) ?? { ...m, id: '', lines: [] }, m)
  const succession = repository(n.ref) === repository(t.ref) || n.stays.some(there)
  return based(c, m) && succession ? 'spared' : 'moved'
}

const nothing = (): Part => ({ direct: [], links: [], unknown: [], byLayers: false })

function byLayers(e: Estate, t: Tag, m: Image, u: Image | null = null): Part {
  const part = nothing()
  const found = candidates(e, t, m, u)
  if (found === 'unnamed') part.unknown.push({ reason: 'base-unnamed', role: 'runtime' })
  if (!Array.isArray(found)) return part
  part.byLayers = true
  for (const { tag, was } of found) {
    const state = compare(t, m, tag, was, m.platform)
    const platform = (onPlatform(now(tag)!, m.platform) ?? was).platform
    if (state === 'at') part.links.push({ name: tag.ref, role: 'runtime', platform })
    if (state === 'moved') part.direct.push({ root: tag.ref, role: 'runtime' })
    if (state === 'lost') part.unknown.push({ reason: 'platform-absent', role: 'runtime' })
  }
  return part
}

const contentOf = (s: Said, platform: string) =>
  (s.index ? s.was.find((i) => i.platform === platform) : s.was[0]) ?? null

/** 'absent' leaves the judgement to layers. */
function byWord(e: Estate, t: Tag, m: Image, said: Said, role: Role): Part | 'absent' {
  if (said.name === null) return role === 'runtime' ? byDigest(e, t, m, said) : nothing()
  const n = e.tags.find((tag) => tag.ref === said.name)
  if (!n) return { ...nothing(), unknown: [{ reason: 'base-unreachable', role }] }
  const head = now(n)
  if (!head) return 'absent'
  const present = onPlatform(head, m.platform)
  const digestIsPresent = said.digest !== null && (said.digest === present?.id || said.digest === head.head)
  const told = contentOf(said, m.platform) ?? (present && digestIsPresent ? present : null)
  const u = told ?? heldThen(n, m)
  const c = present ?? (u && onPlatform(head, u.platform))
  if (!c) return { ...nothing(), unknown: [{ reason: 'platform-absent', role }] }
  const link: Part = { ...nothing(), links: [{ name: said.name, role, platform: c.platform }] }
  const moved: Part = { ...nothing(), direct: [{ root: said.name, role }] }
  if (u) return compare(t, m, n, u, m.platform) === 'moved' ? moved : link
  if (role === 'runtime' && begins(m, c)) return link
  if (role === 'runtime' && e.images.some((b) => known(b) && based(m, b))) return moved
  return { ...nothing(), unknown: [{ reason: 'digest-unknown', role }] }
}

/** By a bare digest: judged as inferred, from the content it names. */
function byDigest(e: Estate, t: Tag, m: Image, said: Said): Part {
  const u = contentOf(said, m.platform)
  const part = byLayers(e, t, m, u)
  return u ? { ...part, byLayers: false } : part
}

/** What the name pointed at when M was first pushed. */
function heldThen(n: Tag, m: Image): Image | null {
  if (ageless(m)) return null
  const stay = n.stays.find((s, i) => ((i === 0 && !s.exact) || s.from <= m.pushed) && s.to > m.pushed)
  return (stay && onPlatform(stay, m.platform)) ?? null
}

/** Every base that is declared for M under this head, each once by its strongest word, with its role. T is none of its own. */
function declared(e: Estate, t: Tag, head: string, m: Image): { said: Said; role: Role }[] {
  const below = e.images.filter((b) => known(b) && based(m, b)).map((b) => b.id)
  const inherited = e.said.filter((s) => s.evidence === 'label' && below.includes(s.subject))
  const of = (evidence: Said['evidence']) =>
    [...new Set([m.id, head])].flatMap((id) => e.said.filter((s) => s.subject === id && s.evidence === evidence))
  const [materials, annotations] = [of('provenance'), of('annotation')]
  const labels = of('label').filter((s) => !inherited.some((l) => l.name === s.name && l.digest === s.digest))
  const annotated = annotations[0]?.name ?? labels[0]?.name ?? 'nothing'
  const fits = materials
    .flatMap((s) => {
      const u = s.digest === null ? null : contentOf(s, m.platform)
      return u && begins(m, u) ? [{ s, size: layersOf(u).length * 1000 + shared(m, u) }] : []
    })
    .sort((a, b) => b.size - a.size || Number(b.s.name === annotated) - Number(a.s.name === annotated))
  const last = materials.length === 1 ? materials[0] : (fits[0]?.s ?? materials.find((s) => s.name === annotated))
  const roleOf = (s: Said): Role => (s.evidence !== 'provenance' || s === last ? 'runtime' : last ? 'build' : 'unknown')
  const all = [...materials, ...annotations, ...labels]
    .filter((s) => s.name !== t.ref)
    .map((said) => ({ said, role: roleOf(said) }))
  const key = ({ said }: { said: Said }) => said.name ?? said.digest
  const strongest = (xs: typeof all) => {
    const { said, role } = xs[0]!
    const digest = xs.map((x) => x.said).find((s) => s.digest !== null)
    return { said: digest ? { ...said, digest: digest.digest, was: digest.was, index: digest.index } : said, role }
  }
  const runtimes = all.filter((x) => x.role === 'runtime')
  const joined = runtimes.length > 0 ? [strongest(runtimes.filter((x) => key(x) === key(runtimes[0]!)))] : []
  const others = all.filter((x) => x.role !== 'runtime')
  return [...joined, ...[...new Set(others.map(key))].map((k) => strongest(others.filter((x) => key(x) === k)))]
}

function judged(e: Estate, t: Tag, head: string, m: Image): Part {
  const bases = declared(e, t, head, m)
  const parts = bases.map(({ said, role }): Part => {
    const part = byWord(e, t, m, said, role)
    if (part !== 'absent') return part
    const instead = role === 'runtime' ? byLayers(e, t, m) : nothing()
    return { ...instead, unknown: [{ reason: 'base-absent', role }, ...instead.unknown] }
  })
  if (!bases.some(({ role }) => role === 'runtime')) parts.push(byLayers(e, t, m))
  return {
    direct: parts.flatMap((p) => p.direct),
    links: parts.flatMap((p) => p.links),
    unknown: parts.flatMap((p) => p.unknown),
    byLayers: parts.some((p) => p.byLayers),
  }
}

/** ref → its status and its causes: `role root[ via name] on platforms`, sorted. */
export function bruteJudge(e: Estate): Map<string, Outcome> {
  const living = e.tags.filter((t) => now(t))
  const counts = (ref: string, role: Role) => role === 'runtime' || (role === 'build' && e.countBuild.includes(ref))
  const at = living.flatMap((t) =>
    now(t)!.images.map((m) => ({
      t,
      platform: m.platform,
      part: judged(e, t, now(t)!.head, m),
      roots: new Set<string>(),
    })),
  )
  for (const x of at) for (const { root, role } of x.part.direct) x.roots.add(`${role} ${root}`)
  const carried = (name: string, platform: string) =>
    [...(at.find((x) => x.t.ref === name && x.platform === platform)?.roots ?? [])]
      .map((key) => key.split(' ') as [Role, string])
      .flatMap(([role, root]) => (counts(name, role) ? [root] : []))
  for (let grew = true; grew; ) {
    grew = false
    for (const { t, part, roots } of at)
      for (const link of part.links)
        for (const root of carried(link.name, link.platform))
          if (root !== t.ref && !roots.has(`${link.role} ${root}`)) grew = Boolean(roots.add(`${link.role} ${root}`))
  }
  const outcome = (t: Tag): Outcome => {
    const mine = at.filter((x) => x.t === t)
    const causes = [...new Set(mine.flatMap((x) => [...x.roots]))].sort().map((key) => {
      const [role, root] = key.split(' ') as [Role, string]
      const holders = mine.filter((x) => x.roots.has(key))
      const direct = holders.some((x) => x.part.direct.some((d) => d.root === root && d.role === role))
      const ways = holders.flatMap((x) =>
        x.part.links.filter((l) => l.role === role && carried(l.name, l.platform).includes(root)).map((l) => l.name),
      )
      const platforms = holders.map((x) => x.platform).sort()
      return { role, text: `${role} ${root}${direct ? '' : ` via ${ways.sort()[0]}`} on ${platforms}` }
    })
    const blocked =
      now(t)!.dark ||
      mine.some(({ part }) =>
        part.unknown.some((u) => counts(t.ref, u.role) && !(u.reason === 'base-absent' && part.byLayers)),
      )
    const status = causes.some((c) => counts(t.ref, c.role)) ? 'outdated' : blocked ? 'unknown' : 'current'
    return { status, causes: causes.map((c) => c.text) }
  }
  return new Map(living.map((t) => [t.ref, outcome(t)]))
}
