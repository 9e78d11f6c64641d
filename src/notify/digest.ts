/**
 * In: one person's waiting notices, oldest first, each with how its tag stands now.
 * Out: one mail's subject, text and HTML.
 * Guarantees: every tag of every notice is in it by name or by number; nothing in a notice can become a header, a line of its own, or markup.
 */
import { cleaned, cleanText } from './digest-clean.ts'
import { cut } from './digest-cut.ts'
import { digestHtml } from './digest-html.ts'
import { advice } from './digest-links.ts'
import { outline, type Told } from './digest-outline.ts'
import { digestText, type Reader } from './digest-text.ts'
import { list, namespaceTitle, subject } from './digest-words.ts'

export type Digest = { subject: string; text: string; html: string }

/**
 * `name`: how the reader is addressed. `publicUrl`: where the links lead. `leave`: the address that ends the mails of a namespace, null: all
 * of them; left out: there is none.
 */
export function digest(
  notices: readonly Told[],
  to: { name: string; publicUrl: string; now: Date; leave?: (namespace: string | null) => string },
): Digest {
  const told = outline(notices.map(cleaned))
  const names = list(told.namespaces.map(namespaceTitle), 20)
  const own = told.namespaces.length <= mostLinks ? told.namespaces : []
  const footer: Reader['footer'] = [
    {
      words: `You are told because you look after ${names}. Each move of a base is told once. ${to.publicUrl}`,
      url: null,
    },
    ...(to.leave === undefined
      ? []
      : [
          ...own.map((key) => ({ words: `No more mail of ${namespaceTitle(key)}`, url: to.leave!(key) })),
          { words: 'No more mail at all', url: to.leave(null) },
        ]),
  ]
  const reader = { name: cleanText(to.name), publicUrl: to.publicUrl, now: to.now, footer }
  const shown = { ...cut(told, reader), help: advice(told, to.publicUrl) }
  return { subject: subject(told), text: digestText(reader, shown), html: digestHtml(reader, shown) }
}

const mostLinks = 5
