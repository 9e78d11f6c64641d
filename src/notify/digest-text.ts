import { outdatedUrl, tagUrl } from '../links.ts'
import { type Cluster, clusters } from './digest-facts.ts'
import { advice } from './digest-links.ts'
import type { Kind, Outline, Part, Section } from './digest-outline.ts'
import { namespaceTitle, opening, partTitles } from './digest-words.ts'
import { wrap } from './digest-wrap.ts'

/** Whom a digest is for. `footer`: why it comes and how to end it, with the addresses for that. `now`: when it is written. */
export type Reader = {
  name: string
  publicUrl: string
  now: Date
  footer: readonly { words: string; url: string | null }[]
}

/** The mail for a terminal. Refs, digests and links are never wrapped, so that they can be copied. */
export function digestText(outline: Outline, to: Reader): string {
  const several = outline.parts.length > 1
  const help = advice(outline, to.publicUrl).map(({ title, lines }) =>
    [wrap(title), ...lines.map((line) => `  ${line}`)].join('\n'),
  )
  const footer = to.footer.map(({ words, url }) => (url === null ? wrap(words) : `${wrap(`${words}:`)}\n${url}`))
  const parts = [
    wrap(`Hello ${to.name},`),
    ...outline.parts.flatMap((part) => partText(part, several, to)),
    ...help,
    `-- \n${footer.join('\n')}`,
  ]
  return `${parts.join('\n\n')}\n`
}

function partText(part: Part, several: boolean, to: Reader): string[] {
  const title = partTitles[part.kind].toUpperCase()
  return [
    ...(several ? [title] : []),
    wrap(opening(part)),
    ...part.sections.map((section) => sectionText(part.kind, section, to)),
  ]
}

function sectionText(kind: Kind, section: Section, to: Reader): string {
  const title = `Base ${section.base}`
  const head = [title, '='.repeat(title.length), ...section.from.map((digest) => `was ${digest}`), `now ${section.to}`]
  const groups = section.groups.map(({ namespace, entries }) =>
    [
      namespaceTitle(namespace),
      ...clusters(kind, entries, to.publicUrl, to.now).map((cluster) =>
        clusterText(cluster, to.publicUrl, { base: section.base, namespace }),
      ),
    ].join('\n\n'),
  )
  return [head.join('\n'), ...groups].join('\n\n')
}

const indent = 17

function clusterText(cluster: Cluster, publicUrl: string, of: { base: string; namespace: string }): string {
  const { refs, facts, log, link } = cluster
  const [first] = refs
  const details = refs.length === 1 ? tagUrl(publicUrl, first!) : outdatedUrl(publicUrl, of)
  return [
    ...refs.map((ref) => `* ${ref}`),
    ...(refs.length > 1 ? [`  (${refs.length} tags, of each of which:)`] : []),
    ...facts.map(([label, words]) => wrap(words, `  ${label.padEnd(indent - 2)}`)),
    ...log.map((line) => `  | ${line}`),
    ...(link === null ? [] : [`  ${link}`]),
    `  ${details}`,
  ].join('\n')
}
