/**
 * In: a plan that was stopped, with the builds that failed, as one reader may be told of them.
 * Out: the mail's subject, text and HTML.
 * Guarantees: pure; nothing in it becomes a header, a line of its own, or markup.
 */
import { buildUrl } from '../links.ts'
import type { Digest } from './digest.ts'
import { cleanText } from './digest-clean.ts'
import { escapeHtml, link } from './digest-escape.ts'
import { readerOf, type To } from './digest-footer.ts'
import { anywhere, htmlMail, quiet } from './digest-html.ts'
import { approval, type PlanRight } from './digest-links.ts'
import { textMail } from './digest-text.ts'
import { wrap } from './digest-wrap.ts'

/** `build`: its id, null where the tag is withheld. */
export type FailedTag = { ref: string; why: string; build: string | null }

/** `base` null: recipes were changed. `more`: failures that are not named; `namespaces`: those that the reader looks after. */
export type StoppedPlan = {
  plan: string
  base: string | null
  toDigest: string | null
  failed: readonly FailedTag[]
  more: number
  namespaces: readonly string[]
  right: PlanRight
}

/** Of why one tag failed; the rest is behind its link. */
const longestWhy = 500

export function digestStopped(told: StoppedPlan, to: To): Digest {
  const base = told.base === null ? null : cleanText(told.base)
  const digest = told.toDigest === null ? null : cleanText(told.toDigest)
  const on = base ?? 'recipes that were changed'
  const facts = `More than half of the first builds on ${on} failed. Nothing more is built for it until somebody approves the plan.`
  const failed = told.failed.map(({ ref, why, build }) => ({
    ref: cleanText(ref),
    why: short(cleanText(why)),
    url: build === null ? null : buildUrl(to.publicUrl, cleanText(build)),
  }))
  const more = told.more > 0 ? [`and ${told.more} more`] : []
  const help = [approval('Once that is mended, the plan waits for approval', told.plan, told.right)]
  const reader = readerOf(to, told.namespaces.map(cleanText), 'Each stop of a plan')
  const text = [
    wrap(facts),
    ...(base === null || digest === null ? [] : [`Base ${base}\nnow ${digest}`]),
    'Failed:',
    ...failed.map(({ ref, why, url }) =>
      [`* ${ref}`, wrap(why, '  '), ...(url === null ? [] : [`  ${url}`])].join('\n'),
    ),
    ...more,
  ]
  const items = [
    ...failed.map(
      ({ ref, why, url }) =>
        `<li style="margin:8px 0"><strong>${escapeHtml(ref)}</strong><br>${escapeHtml(why)}${url === null ? '' : ` (${link(url, 'the build')})`}</li>`,
    ),
    ...more.map((words) => `<li style="margin:8px 0">${words}</li>`),
  ]
  const html = [
    `<p style="${anywhere}">${escapeHtml(facts)}</p>`,
    ...(base === null || digest === null
      ? []
      : [`<p style="${quiet};${anywhere}">Base ${escapeHtml(base)}<br>now ${escapeHtml(digest)}</p>`]),
    `<p>Failed:</p>\n<ul style="padding-left:20px;margin:0;${anywhere}">\n${items.join('\n')}\n</ul>`,
  ]
  return {
    subject: `Stopped: rebuilds on ${base ?? 'changed recipes'} fail`,
    text: textMail(reader, text, help),
    html: htmlMail(reader, html, help),
  }
}

const short = (text: string): string =>
  text.length > longestWhy ? `${text.slice(0, longestWhy).toWellFormed()}…` : text
