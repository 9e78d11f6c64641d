import { isPlaceholder } from '../access/withhold.ts'
import { outdatedUrl, tagUrl } from '../links.ts'
import { escapeHtml } from './digest-escape.ts'
import { type Cluster, clusters } from './digest-facts.ts'
import type { Rights } from './digest-links.ts'
import { entriesOf, type Outline, type Part, type Section } from './digest-outline.ts'

/** As much as a mail has room for. `refs` of a group: the first; `count`: all; `list`: where all of them are. `more`: tags that are left out. */
export type CutGroup = { namespace: string; list: string; clusters: (Cluster & { count: number })[] }
export type CutSection = Pick<Section, 'base' | 'from' | 'to'> & { groups: CutGroup[] }
export type Cut = { parts: { part: Part; sections: CutSection[] }[]; more: number }

/** Names of which the same is said. */
const mostNames = 50
/** Bytes of HTML for names alone, and for all that is said of tags: mail providers cut a mail at about 102,000 (Gmail: "message clipped"). */
const mostOfNames = 12_000
const most = 70_000
/** Digests of one base, where it moved time and again. */
const mostDigests = 5
/** About what stands around a name, a fact, a heading. */
const around = { name: 90, fact: 70, heading: 300 }

/** Of which each is told once, with a log that is shown nowhere else: other parts leave them half of the room. */
const kept: Part['kind'] = 'failed'

/** For whom it is cut; `mayBuild`: see Rights. */
type For = { publicUrl: string; now: Date; mayBuild: Rights['build'] }

/** From the first on, in order, for as long as there is room; the rest is counted, and stands behind a link. What failed is never crowded out. */
export function cut({ parts }: Outline, to: For): Cut {
  const isAlone = parts.every(({ kind }) => kind === kept)
  const first = roomOf(isAlone ? most : most / 2)
  const ofKept = parts.flatMap((part) => (part.kind === kept ? [{ part, sections: cutPart(part, to, first) }] : []))
  const rest = roomOf(most - first.used())
  const shown = parts.map(
    (part) => ofKept.find((one) => one.part === part) ?? { part, sections: cutPart(part, to, rest) },
  )
  const all = parts.reduce((sum, { sections }) => sum + entriesOf(sections).length, 0)
  return { parts: shown.filter(({ sections }) => sections.length > 0), more: all - countOf(shown) }
}

/** Room for so many bytes: what comes first has room in any case, and after what has none nothing has. */
type Room = { takes(bytes: number): boolean; isFull(): boolean; used(): number }

function roomOf(limit: number): Room {
  let [left, isFull] = [limit, false]
  return {
    takes(bytes) {
      isFull ||= left < limit && bytes > left
      if (!isFull) left -= bytes
      return !isFull
    },
    isFull: () => isFull,
    used: () => limit - left,
  }
}

const cutPart = (part: Part, to: For, room: Room): CutSection[] =>
  part.sections.flatMap((section): CutSection[] => {
    if (room.isFull()) return []
    const from = section.from.slice(0, mostDigests)
    const head = around.heading + bytesOf([section.base, section.to, ...from])
    const groups = section.groups.flatMap(({ namespace, entries }): CutGroup[] => {
      if (room.isFull()) return []
      const list = outdatedUrl(to.publicUrl, {
        ...(isPlaceholder(section.base) ? {} : { base: section.base }),
        namespace,
      })
      const title = head + around.heading + bytesOf([namespace, list])
      const mayBuild = (leader?: string) => to.mayBuild(namespace, leader)
      const shown = clusters(part.kind, entries, { ...to, mayBuild }).flatMap((cluster) => {
        const { refs, bytes } = firstNames(cluster.refs, to.publicUrl)
        return room.takes(title + bytes + sizeOf(cluster)) ? { ...cluster, refs, count: cluster.refs.length } : []
      })
      return shown.length === 0 ? [] : [{ namespace, list, clusters: shown }]
    })
    return groups.length === 0 ? [] : [{ base: section.base, from, to: section.to, groups }]
  })

const countOf = (parts: Cut['parts']): number =>
  parts
    .flatMap(({ sections }) => sections.flatMap(({ groups }) => groups.flatMap((group) => group.clusters)))
    .reduce((sum, { count }) => sum + count, 0)

function firstNames(refs: readonly string[], publicUrl: string): { refs: string[]; bytes: number } {
  const first: string[] = []
  let bytes = 0
  for (const ref of refs.slice(0, mostNames)) {
    const size = nameSize(ref, publicUrl)
    if (first.length > 0 && bytes + size > mostOfNames) break
    first.push(ref)
    bytes += size
  }
  return { refs: first, bytes }
}

const bytesOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(escapeHtml(text)), 0)

const nameSize = (ref: string, publicUrl: string): number => around.name + bytesOf([ref, tagUrl(publicUrl, ref)])

const sizeOf = ({ facts, log }: Cluster): number =>
  facts.length * around.fact + bytesOf([...facts.map(([, words]) => words), ...log])
