import { mayRead } from './access.ts'
import type { Principal } from './principal.ts'
import { readsEverything } from './readable-by.ts'
import { splitAt } from './split-names.ts'
import { standingsOf, unknownStanding } from './standing.ts'
import { vocabulary } from './vocabulary.ts'
import type { Needs } from './withheld-from.ts'
import { keysIn, namesIn, type Withheld, withhold } from './withhold.ts'

/** A text in parts, cut anywhere, as its reader may have it. */
export type TextWithheld = {
  /** what can be told by now; what may be the beginning of a name waits */
  feed(part: string): Promise<string>
  /** what waited */
  end(): Promise<string>
  /** how many characters wait */
  held(): number
}

/**
 * A text that is read as it comes (a log), without the names in namespaces that this principal may not read: the same name is the same
 * placeholder in all of it, a name that was cut in two is found, and no more of it is in memory than the part at hand. Namespaces are
 * looked up as they come up, once each. Null: the principal reads everything, and the text as it is.
 */
export async function withholdingText(d: Needs, principal: Principal): Promise<TextWithheld | null> {
  if (readsEverything(principal)) return null
  const words = await vocabulary(d)
  const hidden = new Map<string, boolean>()
  const before: Withheld = { numbers: new Map(), bare: new Set() }
  let held = ''

  const shown = async (text: string): Promise<string> => {
    const asked = [...keysIn(text, words)].filter((key) => !hidden.has(key))
    const standings = await standingsOf(d, principal, asked)
    for (const key of asked) hidden.set(key, !mayRead(principal, key, standings.get(key) ?? unknownStanding))
    return withhold(text, words, (key) => hidden.get(key) !== false, [], before)
  }
  return {
    async feed(part) {
      const text = held + part
      const at = splitAt(text, (found) => namesIn(found, words))
      held = text.slice(at)
      return at === 0 ? '' : shown(text.slice(0, at))
    },
    async end() {
      const rest = held
      held = ''
      return rest === '' ? '' : shown(rest)
    },
    held: () => held.length,
  }
}
