import { advice, buildUrl, tagUrl } from './digest-links.ts'
import type { Entry, Outline, Section } from './digest-outline.ts'
import { fromTo, howSure, namespaceTitle, nextStep, opening, sinceWhen, throughWhom } from './digest-words.ts'

/** The mail for a phone: one column, no image, no script, nothing fetched; styles inline, because readers drop the rest. */
export function digestHtml(outline: Outline, to: { name: string; publicUrl: string; why: string }): string {
  const help = advice(outline, to.publicUrl).map(
    ({ title, lines }) => `<p>${escapeHtml(title)}</p><pre style="${preStyle}">${escapeHtml(lines.join('\n'))}</pre>`,
  )
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head>',
    `<body style="margin:0;padding:16px;font:16px/1.45 system-ui,sans-serif"><div style="max-width:42em;margin:0 auto">`,
    `<p>Hello ${escapeHtml(to.name)},</p><p>${escapeHtml(opening(outline))}</p>`,
    ...outline.sections.map((section) => sectionHtml(section, to.publicUrl)),
    ...help,
    `<p style="${quiet}">${escapeHtml(to.why)}</p></div></body></html>`,
  ].join('\n')
}

const quiet = 'font-size:14px;opacity:.75'
const preStyle =
  'font-size:13px;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #8886;border-radius:4px;padding:8px'
const anywhere = 'overflow-wrap:anywhere'

function sectionHtml(section: Section, publicUrl: string): string {
  const digests = [...section.from.map((digest) => `was ${digest}`), `now ${section.to}`]
  return [
    `<h2 style="font-size:18px;margin:24px 0 4px;${anywhere}">Base ${escapeHtml(section.base)}</h2>`,
    `<p style="margin:0;${quiet};${anywhere}">${digests.map(escapeHtml).join('<br>')}</p>`,
    ...section.groups.map(
      ({ namespace, entries }) =>
        `<h3 style="font-size:16px;margin:16px 0 4px">${escapeHtml(namespaceTitle(namespace))}</h3>\n` +
        `<ul style="padding-left:20px;margin:0">\n${entries.map((entry) => entryHtml(entry, publicUrl)).join('\n')}\n</ul>`,
    ),
  ].join('\n')
}

function entryHtml(entry: Entry, publicUrl: string): string {
  const build = buildUrl(publicUrl, entry)
  const next = escapeHtml(nextStep(entry)) + (build === null ? '' : ` (${link(build, 'the build')})`)
  return (
    `<li style="margin:8px 0"><strong style="${anywhere}">${link(tagUrl(publicUrl, entry.ref), entry.ref)}</strong><br>` +
    `outdated since ${escapeHtml(sinceWhen(entry))}<br>` +
    `base moved ${escapeHtml(fromTo(entry))}<br>` +
    `built on it ${escapeHtml(throughWhom(entry.content))}<br>` +
    `how sure: ${escapeHtml(howSure(entry.content))}<br>` +
    `<strong>what next:</strong> ${next}</li>`
  )
}

const link = (url: string, text: string): string => `<a href="${escapeHtml(url)}">${escapeHtml(text)}</a>`

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character]!)
