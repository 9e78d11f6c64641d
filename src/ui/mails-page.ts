import type { z } from 'zod'
import { isPlaceholder } from '../access/withhold.ts'
import type { pageOf } from '../api/page.ts'
import type { Mail, WholeMail } from '../api/routes/mails.ts'
import { mailsUrl, mailUrl, tagUrl } from '../links.ts'
import { type Html, html } from './html.ts'
import { readable } from './page.ts'

export type ShownMails = z.infer<ReturnType<typeof pageOf<typeof Mail>>>
export type ShownMail = z.infer<typeof WholeMail>
type State = ShownMail['state']

const words: Record<State, string> = {
  pending: 'waiting',
  sent: 'sent',
  failed: 'given up',
  kept: 'unsent',
}
const states = Object.entries(words) as [State, string][]
/** Of the tags a mail is about, so many are named. */
const mostRefs = 20

/** The list, newest first. `chosen`: of this state alone. */
export const mailsBody = (
  { items, next }: ShownMails,
  chosen: string | null,
  root: string,
): Html => html`<p>${choice(root, 'all', null, chosen)}${states.map(([state, word]) => html` · ${choice(root, word, state, chosen)}`)}</p>
${items.length === 0 && html`<p>None.</p>`}
<ul class="rows">${items.map(
  ({ id, subject, to, state, createdAt, error }) => html`<li><span><a href="${mailUrl(root, id)}">${subject}</a><br>
<span class="small"><strong class="mark ${state}">${words[state]}</strong> to ${to}, ${readable(createdAt)}</span>${error !== null && html`<br><span class="small">${error}</span>`}</span></li>`,
)}</ul>
${next !== null && html`<p><a class="button" href="${mailsUrl(root, { ...(chosen === null ? {} : { state: chosen }), cursor: next })}">Older ones</a></p>`}`

const choice = (root: string, word: string, state: State | null, chosen: string | null): Html =>
  state === chosen
    ? html`<strong aria-current="page">${word}</strong>`
    : html`<a href="${mailsUrl(root, state === null ? {} : { state })}">${word}</a>`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** One mail. Its text alone: its HTML says the same, and these pages let no style run but their own. */
export const mailBody = (
  mail: ShownMail,
  root: string,
): Html => html`<p class="state ${mail.state}">${capital(words[mail.state])}${mail.state === 'kept' && ': it was written and kept, since nothing is sent here'}</p>
<dl>
<dt>To</dt><dd>${mail.to}</dd>
<dt>Written</dt><dd>${readable(mail.createdAt)}</dd>
${mail.sentAt && html`<dt>Sent</dt><dd>${readable(mail.sentAt)}</dd>`}
${mail.error !== null && html`<dt>What became of it last</dt><dd>${mail.error}</dd>`}
${mail.nextTryAt && html`<dt>Tried again</dt><dd>${readable(mail.nextTryAt)}</dd>`}
</dl>
${mail.text === '' ? html`<p class="told">${gone(mail)}</p>` : html`<pre>${mail.text}</pre>`}
${mail.refs.length > 0 && html`<h2>What it is about</h2><ul class="rows">${mail.refs.slice(0, mostRefs).map((ref) => html`<li>${isPlaceholder(ref) ? ref : html`<a href="${tagUrl(root, ref)}">${ref}</a>`}</li>`)}</ul>`}
${mail.refs.length > mostRefs && html`<p>and ${mail.refs.length - mostRefs} more</p>`}
<p><a class="button" href="${mailsUrl(root)}">All mails</a></p>`

const gone = ({ subject }: ShownMail): string =>
  isPlaceholder(subject)
    ? 'What it says is not yours to read now: it was not sent, and you do not hear of all that is in it, or it comes in another.'
    : 'What it said is kept no more.'
