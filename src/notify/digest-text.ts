import { outdatedUrl, tagUrl } from '../links.ts'
import type { Cut, CutGroup, CutSection } from './digest-cut.ts'
import type { Advice } from './digest-links.ts'
import { namespaceTitle, opening, partTitles } from './digest-words.ts'
import { wrap } from './digest-wrap.ts'

/** Whom a digest is for. `footer`: why it comes and how to end it, with the addresses for that. `now`: when it is written. */
export type Reader = {
  name: string
  publicUrl: string
  now: Date
  footer: readonly { words: string; url: string | null }[]
}

/** What is said: of tags as much as there is room for, and what the reader can do. */
export type Shown = Cut & { help: Advice[] }

/** So many names stand before what is said of them; of more, that comes first. */
export const fewNames = 3

/** The mail for a terminal. Refs, digests and links are never wrapped, so that they can be copied. */
export function digestText(to: Reader, shown: Shown): string {
  const several = shown.parts.length > 1
  const parts = [
    ...shown.parts.flatMap((part) => partText(part, several, to)),
    ...(shown.more > 0 ? [`${wrap(moreWords(shown.more))}\n${outdatedUrl(to.publicUrl)}`] : []),
  ]
  return textMail(to, parts, shown.help)
}

/** These paragraphs with what begins and ends each mail; `help`: what the reader can do. */
export function textMail(to: Reader, paragraphs: readonly string[], help: readonly Advice[]): string {
  const advice = help.map(({ title, lines }) => [wrap(title), ...lines.map((line) => `  ${line}`)].join('\n'))
  const footer = to.footer.map(({ words, url }) => (url === null ? wrap(words) : `${wrap(`${words}:`)}\n${url}`))
  return `${[wrap(`Hello ${to.name},`), ...paragraphs, ...advice, `-- \n${footer.join('\n')}`].join('\n\n')}\n`
}

/** Of what is left out. */
export const moreWords = (count: number): string =>
  `This mail has no room for more. ${count} more ${count === 1 ? 'tag is' : 'tags are'} told of here alone:`

function partText({ part, sections }: Cut['parts'][number], several: boolean, to: Reader): string[] {
  const title = partTitles[part.kind].toUpperCase()
  return [
    ...(several ? [title] : []),
    wrap(opening(part)),
    ...sections.map((section) => sectionText(section, to.publicUrl)),
  ]
}

function sectionText(section: CutSection, publicUrl: string): string {
  const title = `Base ${section.base}`
  const head = [title, '='.repeat(title.length), ...section.from.map((digest) => `was ${digest}`), `now ${section.to}`]
  const groups = section.groups.map((group) =>
    [
      namespaceTitle(group.namespace),
      ...group.clusters.map((cluster) => clusterText(cluster, publicUrl, group.list)),
    ].join('\n\n'),
  )
  return [head.join('\n'), ...groups].join('\n\n')
}

const indent = 17

function clusterText(cluster: CutGroup['clusters'][number], publicUrl: string, list: string): string {
  const { refs, count, facts, log, link } = cluster
  const names = refs.map((ref) => `* ${ref}`)
  const isMany = count > fewNames
  const more = count > refs.length ? [`  and ${count - refs.length} more, by the link above`] : []
  return [
    ...(isMany ? [] : names),
    ...(count > 1 ? [`${isMany ? '' : '  ('}${count} tags, of each of which:${isMany ? '' : ')'}`] : []),
    ...facts.map(([label, words]) => wrap(words, `  ${label.padEnd(indent - 2)}`)),
    ...log.map((line) => `  | ${line}`),
    ...(link === null ? [] : [`  ${link}`]),
    `  ${count === 1 ? tagUrl(publicUrl, refs[0]!) : list}`,
    ...(isMany ? [...names, ...more] : []),
  ].join('\n')
}
