/**
 * In: one person's waiting notices, oldest first, each with how its tag stands now.
 * Out: one mail's subject, text and HTML.
 * Guarantees: every tag of every notice is in it; nothing in a notice can become a header or markup.
 */
import { digestHtml } from './digest-html.ts'
import { outline, type Told } from './digest-outline.ts'
import { digestText } from './digest-text.ts'
import { list, namespaceTitle, subject } from './digest-words.ts'

export type Digest = { subject: string; text: string; html: string }

/** `name`: how the reader is addressed. `publicUrl`: where the links lead. */
export function digest(notices: readonly Told[], to: { name: string; publicUrl: string }): Digest {
  const told = outline(notices)
  const why = `You are told because you are owner or contributor of: ${list(told.namespaces.map(namespaceTitle), 20)}. Each move of a base is told once. ${to.publicUrl}`
  return { subject: subject(told), text: digestText(told, { ...to, why }), html: digestHtml(told, { ...to, why }) }
}
