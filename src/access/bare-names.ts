/**
 * in: a text, and names that may stand in it without a registry's host. out: the text with another in place of each.
 * guarantees: pure; among several that begin at one place the longest; time goes by the text's length, however many names there are.
 */
import { behindEncoded, decoded, slash, tag, word } from './name-grammar.ts'

/** Where a name may begin: not within another. */
const beginning = new RegExp(`(?:(?<![A-Za-z0-9._/-])|${behindEncoded})(?=[A-Za-z0-9])`, 'g')
const parts = { slash: new RegExp(slash, 'iy'), word: new RegExp(word, 'iy'), tag: new RegExp(tag, 'iy') }

/** A name as it is looked for: in small letters, without a digest, which stays, and without dots behind a tag, which may end a sentence. */
export const bareName = (name: string): string => {
  const [named = ''] = name.toLowerCase().split('@')
  return named.includes(':') ? named.replace(/\.+$/, '') : named
}

/** `names`: repositories, keys of namespaces, or tags, as `bareName` has them. `by` is given what stood there, not percent-encoded. */
export function replaceBare(text: string, names: ReadonlySet<string>, by: (found: string) => string): string {
  const most = extentOf(names)
  let [out, at] = ['', 0]
  for (const { index } of most.parts === 0 ? [] : text.matchAll(beginning)) {
    if (index < at) continue
    const end = endOf(text, index, names, most)
    if (end === null) continue
    out += text.slice(at, index) + by(decoded(text.slice(index, end)))
    at = end
  }
  return out + text.slice(at)
}

type Extent = { parts: number; length: number }
const extents = new WeakMap<ReadonlySet<string>, Extent & { size: number }>()

/** Of the largest names. */
function extentOf(names: ReadonlySet<string>): Extent {
  const known = extents.get(names)
  if (known?.size === names.size) return known
  const extent = { parts: 0, length: 0, size: names.size }
  for (const name of names) {
    extent.parts = Math.max(extent.parts, name.split('/').length)
    extent.length = Math.max(extent.length, name.length)
  }
  extents.set(names, extent)
  return extent
}

/** Where the longest name ends that begins here, with its tag; null where none does. */
function endOf(text: string, from: number, names: ReadonlySet<string>, most: Extent): number | null {
  let [end, path, at]: [number | null, string, number] = [null, '', from]
  for (let i = 0; i < most.parts; i++) {
    const between = i === 0 ? '' : matchAt(parts.slash, text, at)
    const part = between === null ? null : matchAt(parts.word, text, at + between.length)
    if (between === null || part === null) break
    at += between.length + part.length
    path += `${i === 0 ? '' : '/'}${part.toLowerCase()}`
    if (path.length > most.length) break
    // behind a plain slash the same name goes on
    if (text[at] !== '/') end = endWithTag(text, at, path, names) ?? end
  }
  return end
}

function endWithTag(text: string, at: number, path: string, names: ReadonlySet<string>): number | null {
  const tagged = matchAt(parts.tag, text, at) ?? ''
  const isNamed = names.has(path) || (tagged !== '' && names.has(path + decoded(tagged).toLowerCase()))
  return isNamed ? at + tagged.length : null
}

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? null
}
