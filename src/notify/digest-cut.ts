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

/** From the first on, in order, for as long as there is room; the rest is counted, and stands behind a link. */
export function cut(outline: Outline, to: { publicUrl: string; now: Date; mayBuild: Rights['build'] }): Cut {
  let room = most
  let isFull = false
  const takes = (bytes: number): boolean => {
    isFull ||= room < most && bytes > room
    if (!isFull) room -= bytes
    return !isFull
  }
  const parts = outline.parts.map((part) => {
    const sections = part.sections.flatMap((section): CutSection[] => {
      if (isFull) return []
      const from = section.from.slice(0, mostDigests)
      const head = around.heading + bytesOf([section.base, section.to, ...from])
      const groups = section.groups.flatMap(({ namespace, entries }): CutGroup[] => {
        if (isFull) return []
        const list = outdatedUrl(to.publicUrl, {
          ...(isPlaceholder(section.base) ? {} : { base: section.base }),
          namespace,
        })
        const title = head + around.heading + bytesOf([namespace, list])
        const shown = clusters(part.kind, entries, {
          ...to,
          mayBuild: (leader) => to.mayBuild(namespace, leader),
        }).flatMap((cluster) => {
          const { refs, bytes } = firstNames(cluster.refs, to.publicUrl)
          return takes(title + bytes + sizeOf(cluster)) ? { ...cluster, refs, count: cluster.refs.length } : []
        })
        return shown.length === 0 ? [] : [{ namespace, list, clusters: shown }]
      })
      return groups.length === 0 ? [] : [{ base: section.base, from, to: section.to, groups }]
    })
    return { part, sections }
  })
  const all = outline.parts.reduce((sum, { sections }) => sum + entriesOf(sections).length, 0)
  return { parts, more: all - countOf(parts) }
}

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
