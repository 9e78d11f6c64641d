import { isPlaceholder } from '../access/withhold.ts'
import { tagUrl } from '../links.ts'
import { rebuildWords } from '../plan/rebuild-words.ts'
import { type Html, html } from './html.ts'
import { readable } from './page.ts'
import type { ShownTag } from './tag.ts'

type Where = { root: string; publicUrl: string }

/** What a tag is, why, and what its people can do. Names that were withheld are no links. */
export const tagBody = (
  tag: ShownTag,
  where: Where,
): Html => html`<p class="state ${tag.status ?? ''}">${tag.status ?? 'not judged yet'}${tag.ignored && html`, and left alone by a policy`}${tag.snoozed && html`, snoozed until ${tag.snoozed.expiresAt.slice(0, 10)}`}</p>
<p class="small">at <code>${tag.digest}</code>, pushed ${readable(tag.pushedAt)}</p>
${tag.causes.length > 0 && html`<h2>What moved</h2><ul class="rows">${tag.causes.map((cause) => causeRow(cause, where))}</ul>`}
${tag.status === 'outdated' && nextOf(tag, where)}
${tag.because && html`<h2>What could not be judged</h2><ul>${tag.because.map(({ reason, base, platform }) => html`<li>${unjudged[reason]}${base && html`: ${base}`}, ${platform}</li>`)}</ul>`}
<h2>Based on</h2>
${tag.platforms.map(({ platform, bases }) => html`<p class="small">${platform}</p><ul class="rows">${bases.map((base) => baseRow(base, where))}</ul>${bases.length === 0 && html`<p>Nothing that is known.</p>`}`)}
${tag.newer.length > 0 && html`<h2>Later versions</h2><ul>${tag.newer.map(({ base, newer, newest }) => html`<li>${base}: ${[newer, newest].filter((name) => name !== null).join(', ')}</li>`)}</ul>`}
<h2>For a README</h2>
<p><code>[![base image](${where.publicUrl}/api/v1/badge/${encodeURIComponent(tag.ref)}.svg)](${tagUrl(where.publicUrl, tag.ref)})</code></p>`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const short = (digest: string | null): Html => html`<code>${digest === null ? '?' : digest.slice(0, 19)}</code>`

const named = (ref: string, { root }: Where): Html =>
  isPlaceholder(ref) ? html`${ref}` : html`<a href="${tagUrl(root, ref)}">${ref}</a>`

const causeRow = (
  { base, from, to, via, role, confidence, stillAt, platforms }: ShownTag['causes'][number],
  where: Where,
): Html => html`<li><span>${named(base, where)} moved from ${short(from)} to ${short(to)}<br>
<span class="small">${via === null ? 'built on it directly' : html`through ${named(via, where)}`}${role === 'build' && ', while building only'}, ${confidence}, ${platforms.join(', ')}${stillAt.length > 0 && html`; what it has is still at ${stillAt.join(', ')}`}</span></span></li>`

const baseRow = (
  { ref, digest, role, confidence, pinned }: ShownTag['platforms'][number]['bases'][number],
  where: Where,
): Html => html`<li><span>${ref === null ? 'an image without a name' : named(ref, where)} at ${short(digest)}</span>
<span class="small">${role === 'build' ? 'while building' : confidence}${pinned && ', pinned'}</span></li>`

function nextOf({ ref, rebuild }: ShownTag, where: Where): Html {
  const { state, because, waitsFor, build, movesWith } = rebuild
  const waits = waitsFor.length > 0 && html` For: ${waitsFor.slice(0, 5).map((name) => html`${named(name, where)} `)}`
  return html`<h2>What happens next</h2>
<p>${capital(rebuildWords[state])}${because !== undefined && `: ${because}`}.${waits}${movesWith !== undefined && html` It moves along with ${named(movesWith, where)}.`}${build && html` <a href="${where.root}/builds/${build}">The build</a>`}</p>
${state === 'none' && !movesWith && html`<p>To have it rebuilt by itself: <code>drydock recipe propose ${ref}</code></p>`}
${(state === 'manual' || state === 'failed') && html`<p>To have it rebuilt now: <code>drydock build ${movesWith ?? ref} --follow</code></p>`}`
}

const unjudged: Record<NonNullable<ShownTag['because']>[number]['reason'], string> = {
  'base-absent': 'the registry has no such base',
  'platform-absent': 'the base has nothing for this platform',
  'base-unreachable': 'the base could not be asked for',
  'base-unnamed': 'the base has no name',
  'digest-unknown': 'it is not known what the base was',
  'unresolved-arg': 'its FROM depends on an argument that is not known',
  unreadable: 'its manifest or config cannot be read',
}
