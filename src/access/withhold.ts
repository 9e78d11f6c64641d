/**
 * in: anything that is about to be written for somebody (JSON, or a text), and which namespaces they may not read.
 * out: the same, with "(withheld)" in place of each name in such a namespace, alone or within a sentence.
 * guarantees: pure; whatever is no name of a registry that is or was configured stays as it is; one name is one placeholder; shapes stay; of what is
 * withheld by its `ref` neither digest nor state is told.
 */

import { bareName, replaceBare } from './bare-names.ts'
import { behindEncoded, decoded, digest, hostPattern, slash, tag, word } from './name-grammar.ts'

/** `hosts`: under which registries are written, each with its registry's name; `alone`: the one whose namespaces' keys do not begin with a host. */
export type Vocabulary = { hosts: ReadonlyMap<string, string>; alone: string | null; pattern: RegExp }

/** A name within a text. `name`: with its registry's own name, without digest; `repository`: without host and tag. */
type Found = { start: number; end: number; name: string; repository: string; key: string }

type Hosts = readonly (readonly string[])[]

/**
 * `own`: of each configured registry every host under which it is written, its own name first. `gone`: the same of those that are configured no
 * more; where the two share a host, it is of who is configured. Names may stand percent-encoded, as in links.
 */
export function vocabularyOf(own: Hosts, gone: Hosts = []): Vocabulary {
  const hosts = new Map(
    [...gone, ...own].flatMap(([name = '', ...more]) => [name, ...more].map((host) => [host.toLowerCase(), name])),
  )
  const any =
    [...hosts.keys()]
      .sort((a, b) => b.length - a.length)
      .map(hostPattern)
      .join('|') || '(?!)'
  const source = `${boundary}(${any})${slash}(${word}(?:${slash}${word})*)(?:(${slash})|(${tag}))?(${digest})?`
  const alone = own.length === 1 ? (own[0]?.[0] ?? null) : null
  return { hosts, alone, pattern: new RegExp(source, 'gi') }
}

/** Not within another host, but right behind a percent-encoded character. */
const boundary = `(?:(?<![A-Za-z0-9._-])|${behindEncoded})`

/** Every name in a text, in order. */
export function namesIn(text: string, { hosts, alone, pattern }: Vocabulary): Found[] {
  return [...text.matchAll(pattern)].map((match) => {
    const [whole, host = '', path = '', more, tagged = ''] = match
    const name = hosts.get(decoded(host).toLowerCase()) ?? host
    const asked = decoded(path).toLowerCase().split('/')
    const repository = isApiPath(asked)
      ? asked.slice(
          1,
          asked.findIndex((part) => apiParts.has(part)),
        )
      : asked
    const isRepository = repository.length === 1 && more === undefined && (name === alone || tagged !== '')
    const namespace = isRepository ? '_' : (repository[0] ?? '_')
    return {
      start: match.index,
      end: match.index + whole.length,
      name: `${name}/${repository.join('/')}${decoded(tagged)}`,
      repository: repository.join('/'),
      key: name === alone ? namespace : `${name}/${namespace}`,
    }
  })
}

/** Where a registry's address is shown with what it was asked for (`host/v2/NAME/manifests/…`), the name is in the middle. */
const apiParts = new Set(['manifests', 'blobs', 'tags', 'referrers', '_manifests'])
const isApiPath = (path: readonly string[]): boolean =>
  path[0] === 'v2' && path.findIndex((part) => apiParts.has(part)) > 1

/** Whether any name can stand in it, whatever registries there are: a name has a host and a path. */
export function mayName(value: unknown): boolean {
  if (typeof value === 'string') return /\/|%2F/i.test(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([field, inner]) => mayName(field) || mayName(inner))
}

/** The keys of every namespace of which something is named. */
export function keysIn(value: unknown, vocabulary: Vocabulary): Set<string> {
  const keys = new Set<string>()
  everyText(value, (text) => {
    for (const { key } of namesIn(text, vocabulary)) keys.add(key)
    return text
  })
  return keys
}

/** What was withheld so far of something that is read in parts: numbers by name, and repositories to be withheld without their host too. */
export type Withheld = { numbers: Map<string, number>; bare: Set<string> }

/** Repositories that are remembered from part to part, in memory. */
const mostBare = 1000

/**
 * The value without the names that are hidden. Of those the repository is withheld also where it stands without its host, in the
 * same value; `hostless`: further repositories to be withheld so. `before`: of the parts before this one, and added to.
 */
export function withhold<T>(
  value: T,
  vocabulary: Vocabulary,
  isHidden: (key: string) => boolean,
  hostless: readonly string[] = [],
  before: Withheld = { numbers: new Map(), bare: new Set() },
): T {
  const { numbers } = before
  const bare = new Set([...before.bare, ...hostless.map(bareName)])
  everyText(value, (text) => {
    for (const { key, repository } of namesIn(text, vocabulary))
      if (isHidden(key) && repository.includes('/')) bare.add(repository)
    return text
  })
  for (const repository of bare) if (before.bare.size < mostBare) before.bare.add(repository)
  const placeholder = (name: string): string => {
    const number = numbers.get(name) ?? numbers.set(name, numbers.size + 1).size
    return number === 1 ? '(withheld)' : `(withheld ${number})`
  }
  return everyText(value, (text) => {
    let [out, at] = ['', 0]
    for (const { start, end, name, key } of namesIn(text, vocabulary)) {
      if (!isHidden(key)) continue
      out += text.slice(at, start) + placeholder(name)
      at = end
    }
    out += text.slice(at)
    return replaceBare(out, bare, placeholder)
  }) as T
}

/** Each text in a JSON value, names of fields too, as `of` makes it. */
function everyText(value: unknown, of: (text: string) => string): unknown {
  if (typeof value === 'string') return of(value)
  if (Array.isArray(value)) return value.map((item) => everyText(item, of))
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  const silent =
    'ref' in value && typeof value.ref === 'string' && isPlaceholder(of(value.ref)) && !isPlaceholder(value.ref)
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [of(key), silent && toldOfRef.has(key) ? null : everyText(inner, of)]),
  )
}

/** Fields that say something of the thing which an object's `ref` names. Where such an object may be withheld, its schema lets them be null. */
const toldOfRef = new Set(['digest', 'status', 'decision', 'seconds', 'rebuild'])
/** Whether a text stands for a name that is withheld. */
export const isPlaceholder = (text: string): boolean => /^\(withheld(?: \d+)?\)$/.test(text)
