/**
 * in: a text that comes in parts, cut anywhere. out: the same text in parts that cut no name in two.
 * guarantees: pure; nothing is lost, added or moved; no more is held back than the run of characters a name can have at the end.
 */

/** What is longer is no name of a registry that takes only valid ones: host, path and digest, all of it percent-encoded. */
const longestName = 4096
/** A run of such characters that is longer is let go of in pieces. */
const mostHeld = 65_536

/** What can stand in a name, percent-encoded too; a half of a pair stays with its other one. */
const isOfName = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  '.-_/:@%+[]'.includes(String.fromCharCode(code)) ||
  (code >= 0xd800 && code <= 0xdbff)

/**
 * How much of a text can be told before what comes next is known. `names`: where names stand in it. A name that ends before the last
 * `longestName` characters is whole; within an endless run of such characters the cut is before the name that it would go through.
 */
export function splitAt(text: string, names: (text: string) => readonly { start: number; end: number }[]): number {
  let at = text.length
  while (at > 0 && isOfName(text.charCodeAt(at - 1))) at--
  if (text.length - at <= mostHeld) return at
  const cut = text.length - longestName
  const through = names(text).find(({ start, end }) => start < cut && cut < end)
  if (!through) return cut
  return through.start > at ? through.start : text.length
}
