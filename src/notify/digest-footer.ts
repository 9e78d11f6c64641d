import { cleanText } from './digest-clean.ts'
import type { Reader } from './digest-text.ts'
import { list, namespaceTitle } from './digest-words.ts'

/** To whom a mail is; `leave`: the address that ends the mails of a namespace, null: all of them; left out: there is none. */
export type To = { name: string; publicUrl: string; now: Date; leave?: (namespace: string | null) => string }

const mostLinks = 5

/** Its reader, told why it comes (they look after these namespaces, and `once` what they are told once) and how to end it. */
export function readerOf({ name, publicUrl, now, leave }: To, namespaces: readonly string[], once: string): Reader {
  const names = list(namespaces.map(namespaceTitle), 20)
  const own = namespaces.length <= mostLinks ? namespaces : []
  const why = `You are told because you look after ${names}. ${once} is told once. ${publicUrl}`
  const ends = leave && [
    ...own.map((key) => ({ words: `No more mail of ${namespaceTitle(key)}`, url: leave(key) })),
    { words: 'No more mail at all', url: leave(null) },
  ]
  return { name: cleanText(name), publicUrl, now, footer: [{ words: why, url: null }, ...(ends ?? [])] }
}
