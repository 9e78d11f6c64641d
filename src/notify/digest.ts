/**
 * In: one person's waiting notices, oldest first, each with how its tag stands now.
 * Out: one mail's subject, text and HTML.
 * Guarantees: every tag of every notice is in it by name or by number; nothing in a notice can become a header, a line of its own, or markup.
 */
import { cleaned } from './digest-clean.ts'
import { cut } from './digest-cut.ts'
import { readerOf, type To } from './digest-footer.ts'
import { digestHtml } from './digest-html.ts'
import { advice, type Rights } from './digest-links.ts'
import { outline, type Told } from './digest-outline.ts'
import { digestText } from './digest-text.ts'
import { subject } from './digest-words.ts'

export type Digest = { subject: string; text: string; html: string }

const none: Rights = { plan: () => 'none', build: () => false, read: () => false }

/** `rights`: what its readers may do; left out: nothing. */
export function digest(notices: readonly Told[], { rights = none, ...to }: To & { rights?: Rights }): Digest {
  const told = outline(notices.map(cleaned))
  const reader = readerOf(to, told.namespaces, 'Each move of a base')
  const shown = { ...cut(told, { ...reader, mayBuild: rights.build }), help: advice(told, to.publicUrl, rights) }
  return { subject: subject(told), text: digestText(reader, shown), html: digestHtml(reader, shown) }
}
