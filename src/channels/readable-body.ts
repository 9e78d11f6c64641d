import { type Needs, withheldFromViewerOf } from '../access/withheld-from.ts'
import type { Withheld } from '../access/withhold.ts'
import type { Deps } from '../deps.ts'

type Reading = Needs & { config: Pick<Deps['config'], 'publicUrl'> }

/** In place of our own address while names are looked for: a registry may have the same host, and then our links look like names. */
const ours = '\u{F8FF}'

/**
 * The body of a delivery (JSON) as whoever reads this namespace may have it now: what stands in it since it was written, and may not be
 * read any more, is withheld, and not asked for in links. The same JSON where nothing is. What was withheld before keeps its number.
 */
export async function readableBody(d: Reading, namespaceKey: string, body: string): Promise<string> {
  const own = d.config.publicUrl.replace(/\/+$/, '')
  const written: unknown = JSON.parse(body.replaceAll(own, ours))
  const told = JSON.stringify(await withheldFromViewerOf(d, namespaceKey, written, withheldIn(body)))
  if (told === JSON.stringify(written)) return JSON.stringify(JSON.parse(body))
  return told.replace(linkToHidden, '').replaceAll(ours, own)
}

/** The part of an address that asks for a base which is withheld, as JSON, Slack and HTML have it. */
const linkToHidden = /&(?:amp;)?base=\(withheld(?: \d+)?\)/g

/** As if the names behind the placeholders that stand there had been met: further ones get further numbers. */
function withheldIn(body: string): Withheld {
  const numbers = [...body.matchAll(/\(withheld(?: (\d{1,5}))?\)/g)].map(([, number = '1']) => Number(number))
  const most = numbers.reduce((a, b) => Math.max(a, b), 0)
  return { numbers: new Map(Array.from({ length: most }, (_, i) => [`(withheld ${i + 1})`, i + 1])), bare: new Set() }
}
