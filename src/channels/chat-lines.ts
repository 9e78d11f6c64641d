import { buildUrl, tagUrl } from '../links.ts'
import { rebuildWords } from '../plan/rebuild-words.ts'
import type { Message, Telling, ToldItem, ToldKind } from './notifier.ts'

/** A line of a chat, before anybody's markup: our own words, names from outside (`code`), links. */
export type Span = { text: string } | { code: string } | { link: string; label: string }
export type Line = Span[]

/** Tags that are named, and characters they may take: what is more is counted, and linked to. */
const mostNamed = 10
const mostCharacters = 3000
const mostOfMessage = 200

/** What a chat says of a message: a headline, a line for each of the first tags, how many more there are, and where they are shown. */
export function chatLines(message: Message, publicUrl: string): Line[] {
  if (message.kind === 'test')
    return [[{ text: 'Drydock can tell this channel what happens in ' }, ...named(message.namespace)]]
  const lines: Line[] = []
  let characters = 0
  for (const item of message.items.slice(0, mostNamed)) {
    const line = itemLine(message.kind, item, publicUrl)
    characters += JSON.stringify(line).length
    if (lines.length > 0 && characters > mostCharacters) break
    lines.push(line)
  }
  const more = message.items.length - lines.length
  return [headline(message.namespace, message), ...lines, ...(more > 0 ? [moreLine(more, message.url)] : [])]
}

function headline(namespace: string, { kind, base, items }: Telling): Line {
  const many = items.length !== 1
  const be = items.some(({ now }) => now === 'outdated') ? (many ? 'are' : 'is') : many ? 'were' : 'was'
  const said: Record<ToldKind, string> = {
    outdated: `${be} outdated: a base has moved, `,
    rebuilt: `${many ? 'have' : 'has'} been rebuilt on `,
    failed: 'could not be rebuilt on ',
    still: `${be} still outdated: a base has moved, `,
  }
  return [
    { text: `${items.length} ${many ? 'tags' : 'tag'} in ` },
    ...named(namespace),
    { text: ` ${said[kind]}` },
    { code: base },
  ]
}

/** Nothing of a text from outside begins a line, or turns one around. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')

/** A namespace by its key: of the global one `_`, with several registries `host/_`. */
function named(key: string): Line {
  if (!/(^|\/)_$/.test(key)) return [{ text: 'namespace ' }, { code: key }]
  const host = key.slice(0, -2)
  return [{ text: `the global namespace${host === '' ? '' : ' of '}` }, ...(host === '' ? [] : [{ code: host }])]
}

function itemLine(kind: ToldKind, item: ToldItem, publicUrl: string): Line {
  const link = (url: string, label: string): Line => [{ text: ' (' }, { link: url, label }, { text: ')' }]
  const tag = link(tagUrl(publicUrl, item.ref), 'details')
  const build = item.build ? link(buildUrl(publicUrl, item.build.id), 'the build') : []
  const name: Line = [{ text: '• ' }, { code: item.ref }]
  if (kind === 'rebuilt') return [...name, ...tag]
  if (kind !== 'failed') return [...name, { text: ': ' }, ...fate(item), ...tag]
  const message = item.build?.message ?? null
  return [...name, ...(message === null ? [] : [{ text: ': ' }, { code: cut(message) }]), ...build]
}

const cut = (text: string): string =>
  text.length > mostOfMessage ? `${text.slice(0, mostOfMessage).toWellFormed()}…` : text

function fate({ now, rebuild }: ToldItem): Line {
  if (now === 'current') return [{ text: 'already rebuilt' }]
  if (now === 'deleted') return [{ text: 'deleted since' }]
  if (now === 'unknown') return [{ text: 'its bases cannot be judged at the moment' }]
  const [first, ...others] = rebuild.waitsFor
  if (rebuild.state !== 'waiting' || first === undefined) return [{ text: rebuildWords[rebuild.state] }]
  return [
    { text: 'a rebuild is planned, after ' },
    { code: first },
    ...(others.length === 0 ? [] : [{ text: ` and ${others.length} more` }]),
  ]
}

const moreLine = (more: number, url: string): Line => [
  { text: `… and ${more} more: ` },
  { link: url, label: 'all of them' },
]
