import { advice, buildUrl, tagUrl } from './digest-links.ts'
import type { Entry, Outline, Section } from './digest-outline.ts'
import { fromTo, howSure, namespaceTitle, nextStep, opening, sinceWhen, throughWhom } from './digest-words.ts'

/** The mail for a terminal. Refs, digests and links are never wrapped, so that they can be copied. */
export function digestText(outline: Outline, to: { name: string; publicUrl: string; why: string }): string {
  const help = advice(outline, to.publicUrl).map(({ title, lines }) =>
    [title, ...lines.map((l) => `  ${l}`)].join('\n'),
  )
  const parts = [
    `Hello ${to.name},`,
    opening(outline),
    ...outline.sections.map((section) => sectionText(section, to.publicUrl)),
    ...help,
    `-- \n${to.why}`,
  ]
  return `${parts.join('\n\n')}\n`
}

function sectionText(section: Section, publicUrl: string): string {
  const title = `Base ${section.base}`
  const head = [title, '='.repeat(title.length), ...section.from.map((digest) => `was ${digest}`), `now ${section.to}`]
  const groups = section.groups.map(({ namespace, entries }) =>
    [namespaceTitle(namespace), ...entries.map((entry) => entryText(entry, publicUrl))].join('\n\n'),
  )
  return [head.join('\n'), ...groups].join('\n\n')
}

function entryText(entry: Entry, publicUrl: string): string {
  const build = buildUrl(publicUrl, entry)
  return [
    `* ${entry.ref}`,
    `  outdated since ${sinceWhen(entry)}`,
    `  base moved     ${fromTo(entry)}`,
    `  built on it    ${throughWhom(entry.content)}`,
    `  how sure       ${howSure(entry.content)}`,
    `  what next      ${nextStep(entry)}`,
    ...(build === null ? [] : [`                 ${build}`]),
    `  details        ${tagUrl(publicUrl, entry.ref)}`,
  ].join('\n')
}
