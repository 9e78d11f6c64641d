import { outdatedUrl, tagUrl } from '../links.ts'
import type { Cut, CutGroup, CutSection } from './digest-cut.ts'
import { escapeHtml, link } from './digest-escape.ts'
import type { Advice } from './digest-links.ts'
import { fewNames, moreWords, type Reader, type Shown } from './digest-text.ts'
import { namespaceTitle, opening, partTitles } from './digest-words.ts'

/** The mail for a phone: one column, no image, no script, nothing fetched; styles inline, because readers drop the rest. */
export function digestHtml(to: Reader, shown: Shown): string {
  const several = shown.parts.length > 1
  const parts = [
    ...shown.parts.map((part) => partHtml(part, several, to)),
    ...(shown.more > 0
      ? [`<p>${escapeHtml(moreWords(shown.more))} ${link(outdatedUrl(to.publicUrl), 'the list')}</p>`]
      : []),
  ]
  return htmlMail(to, parts, shown.help)
}

/** These parts with what begins and ends each mail; `help`: what the reader can do. */
export function htmlMail(to: Reader, parts: readonly string[], help: readonly Advice[]): string {
  const footer = to.footer.map(({ words, url }) => (url === null ? escapeHtml(words) : link(url, words)))
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head>',
    `<body style="margin:0;padding:16px;font:16px/1.45 system-ui,sans-serif"><div style="max-width:42em;margin:0 auto">`,
    `<p>Hello ${escapeHtml(to.name)},</p>`,
    ...parts,
    ...help.map(
      ({ title, lines }) =>
        `<p>${escapeHtml(title)}</p>${lines.length === 0 ? '' : `<pre style="${preStyle}">${escapeHtml(lines.join('\n'))}</pre>`}`,
    ),
    `<p style="${quiet};border-top:1px solid #8886;padding-top:8px">${footer.join('<br>')}</p></div></body></html>`,
  ].join('\n')
}

export const quiet = 'font-size:14px;opacity:.75'
export const anywhere = 'overflow-wrap:anywhere'
const preStyle = `font-size:13px;white-space:pre-wrap;${anywhere};border:1px solid #8886;border-radius:4px;padding:8px`

const partHtml = ({ part, sections }: Cut['parts'][number], several: boolean, to: Reader): string =>
  [
    ...(several ? [`<h1 style="font-size:20px;margin:28px 0 4px">${partTitles[part.kind]}</h1>`] : []),
    `<p>${escapeHtml(opening(part))}</p>`,
    ...sections.map((section) => sectionHtml(section, to.publicUrl)),
  ].join('\n')

function sectionHtml(section: CutSection, publicUrl: string): string {
  const digests = [...section.from.map((digest) => `was ${digest}`), `now ${section.to}`]
  return [
    `<h2 style="font-size:18px;margin:24px 0 4px;${anywhere}">Base ${escapeHtml(section.base)}</h2>`,
    `<p style="margin:0;${quiet};${anywhere}">${digests.map(escapeHtml).join('<br>')}</p>`,
    ...section.groups.map(
      ({ namespace, list, clusters }) =>
        `<h3 style="font-size:16px;margin:16px 0 4px">${escapeHtml(namespaceTitle(namespace))}</h3>\n` +
        `<ul style="padding-left:20px;margin:0;${anywhere}">\n` +
        `${clusters.map((cluster) => clusterHtml(cluster, publicUrl, list)).join('\n')}\n</ul>`,
    ),
  ].join('\n')
}

function clusterHtml(cluster: CutGroup['clusters'][number], publicUrl: string, list: string): string {
  const { refs, count, facts, log, link: build } = cluster
  const isMany = count > fewNames
  const more = count - refs.length
  const names = [
    ...refs.map((ref) => `<strong>${link(tagUrl(publicUrl, ref), ref)}</strong>`),
    ...(more > 0 ? [link(list, `and ${more} more`)] : []),
  ]
  const said = facts.map(([label, words]) =>
    label === 'what next'
      ? `<strong>what next:</strong> ${escapeHtml(words)}`
      : `<span style="opacity:.75">${label}</span> ${escapeHtml(words)}`,
  )
  const head = `${isMany ? `<strong>${count} tags</strong>` : `(${count} tags`}, of each of which: ${link(list, 'list')}`
  const title = count > 1 ? [`${head}${isMany ? '' : ')'}`] : []
  const before = isMany ? title : [...names, ...title]
  return (
    `<li style="margin:8px 0">${[...before, ...said].join('<br>')}` +
    (build === null ? '' : ` (${link(build, 'the build')})`) +
    (log.length === 0 ? '' : `<pre style="${preStyle}">${escapeHtml(log.join('\n'))}</pre>`) +
    (isMany ? `<br>${names.join('<br>')}` : '') +
    '</li>'
  )
}
