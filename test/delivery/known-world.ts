import type { Sql } from '../../src/db/postgres.ts'
import type { Image } from '../staleness/brute-content.ts'
import type { Estate, Said, Stay, Tag } from '../staleness/brute-judge.ts'
import type { ReceivedEvent } from '../support/event-receiver.ts'
import type { Piece, Thing } from './make-thing.ts'

/** Something told of a tag, or (tag "") of a digest. `at` in seconds; `exact` false: found by asking. */
type Fact = {
  repository: string
  tag: string
  kind: string
  digest: string | null
  at: number
  id: string
  exact: boolean
}
const never = Number.POSITIVE_INFINITY

/**
 * What can be known at all, in the brute-force judge's words: the events that were delivered, as they were sent; and what asking
 * the registry has given, which only the database tells: sightings (latest bounds) and which content could be read.
 */
export async function knownWorld(
  sql: Sql,
  host: string,
  things: readonly Thing[],
  delivered: readonly ReceivedEvent[],
  countBuild: string[],
): Promise<Estate> {
  const manifests = await sql<{ digest: string; kind: string; seen: number | null }[]>`
    select digest, kind::text, (first_seen_at / 1000000)::float8 / 1000 as seen from manifest`
  const asked = await sql<Fact[]>`
    select r.name as repository, f.tag, f.kind::text, f.digest, (f.at / 1000000)::float8 / 1000 as at, f.source_id as id, f.exact
    from tag_fact f join repository r on r.id = f.repository_id where not f.exact`
  const rows = await sql<{ ref: string }[]>`select ref from tag`
  const readable = new Set(manifests.filter((m) => m.kind === 'image' || m.kind === 'index').map((m) => m.digest))
  const seen = new Map(manifests.map((m) => [m.digest, m.seen ?? never]))
  const facts = [...delivered.map(factOf), ...asked]
  const piecesOf = new Map<string, Piece[]>()
  for (const { head, pieces } of things) {
    for (const piece of pieces) piecesOf.set(piece.image.id, [piece])
    piecesOf.set(head, pieces)
  }

  const images = new Map<string, Image>()
  for (const { head, pieces } of things)
    for (const { image } of pieces) {
      const holders = [image.id, ...(readable.has(head) ? [head] : [])]
      const pushes = facts.filter((f) => f.exact && f.kind === 'push' && holders.includes(f.digest ?? ''))
      const pushed = Math.min(never, ...pushes.map((f) => f.at))
      if (readable.has(image.id)) images.set(image.id, { ...image, pushed, seen: seen.get(image.id)! })
    }
  const imagesOf = (head: string): Image[] =>
    readable.has(head) ? (piecesOf.get(head) ?? []).flatMap((p) => images.get(p.image.id) ?? []) : []
  const stayAt = (stay: Omit<Stay, 'images'>): Stay => {
    const held = imagesOf(stay.head)
    return { ...stay, images: held, dark: held.length < (piecesOf.get(stay.head)?.length ?? 1) }
  }
  const names = new Set(rows.map(({ ref }) => ref.slice(host.length + 1)))
  for (const { repository, tag } of facts) if (tag !== '') names.add(`${repository}:${tag}`)
  const tags = [...names].map((ref): Tag => ({ ref, stays: staysOf(ref, facts).map(stayAt) }))
  const said = things.flatMap(({ head, told }) =>
    told
      .filter(({ evidence }) => evidence !== 'provenance' || readable.has(head))
      .map(({ of, ...word }): Said => {
        const index = of !== null && of.index !== null && word.digest === of.head
        return { ...word, was: word.digest === null ? [] : imagesOf(word.digest), index }
      }),
  )
  return { tags, images: [...images.values()], said, countBuild }
}

const factOf = ({ id, timestamp, action, target }: ReceivedEvent): Fact => ({
  repository: target.repository,
  tag: target.tag ?? '',
  kind: action,
  digest: target.digest || null,
  at: Date.parse(timestamp) / 1000,
  id,
  exact: true,
})

/** Where a tag was: the newest by time wins, equal times by id; a digest's delete hits the tag only while it is there. */
function staysOf(ref: string, facts: readonly Fact[]): Omit<Stay, 'images'>[] {
  const [repository, tag] = [ref.slice(0, ref.lastIndexOf(':')), ref.slice(ref.lastIndexOf(':') + 1)]
  const mine = facts
    .filter((f) => f.repository === repository && (f.tag === tag || (f.tag === '' && f.kind === 'delete')))
    .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
  const stays: Omit<Stay, 'images'>[] = []
  for (const { kind, digest, at, exact, tag: named } of mine) {
    const open = stays.find((s) => s.to === never)
    if (kind === 'push' && open?.head === digest) continue
    if (kind === 'delete' && named === '' && open?.head !== digest) continue
    if (open) open.to = at
    if (kind === 'push') stays.push({ head: digest!, from: at, to: never, exact })
  }
  return stays.filter((s) => s.to > s.from)
}
