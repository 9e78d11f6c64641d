/**
 * In: one person's waiting notices, oldest first, each with how its tag stands now.
 * Out: one mail's subject, text and HTML.
 * Guarantees: every tag of every notice is in it by name or by number; nothing in a notice can become a header, a line of its own, or markup.
 */
import { cleaned } from './digest-clean.ts'
import { cut } from './digest-cut.ts'
import { readerOf, type To } from './digest-footer.ts'
import { digestHtml } from './digest-html.ts'
import { advice, type PlanRight } from './digest-links.ts'
import { outline, type Told } from './digest-outline.ts'
import { digestText } from './digest-text.ts'
import { subject } from './digest-words.ts'

export type Digest = { subject: string; text: string; html: string }

/** `planRight`: what the reader may do about a plan; left out: nothing. */
export function digest(notices: readonly Told[], to: To & { planRight?: (plan: string) => PlanRight }): Digest {
  const told = outline(notices.map(cleaned))
  const reader = readerOf(to, told.namespaces, 'Each move of a base')
  const shown = { ...cut(told, reader), help: advice(told, to.publicUrl, to.planRight ?? (() => 'none')) }
  return { subject: subject(told), text: digestText(reader, shown), html: digestHtml(reader, shown) }
}
