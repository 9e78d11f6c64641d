import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { mayRead, type Standing } from './access.ts'
import type { Principal } from './principal.ts'
import { readsEverything } from './readable-by.ts'
import { standingsOf, unknownStanding } from './standing.ts'
import { vocabulary } from './vocabulary.ts'
import { keysIn, mayName, type Withheld, withhold } from './withhold.ts'

export type Needs = { sql: Deps['sql'] | Tx; config: Pick<Deps['config'], 'registries'> }

/**
 * A value (JSON, or a text) as this principal may have it: names in namespaces that they may not read are withheld (withhold.ts). Two
 * statements, one where nothing is named, and none where nothing can be or an admin reads. `hostless`: repositories in it that stand without a host.
 */
export async function withheldFrom<T>(
  d: Needs,
  principal: Principal,
  value: T,
  hostless: readonly string[] = [],
): Promise<T> {
  if (readsEverything(principal)) return value
  return without(d, value, hostless, async (keys) => {
    const standings = await standingsOf(d, principal, keys)
    return (key) => !mayRead(principal, key, standings.get(key) ?? unknownStanding)
  })
}

/** The same for a reader without a name: a viewer of this one namespace, such as a channel of it. `before`: what is withheld in it already. */
export async function withheldFromViewerOf<T>(d: Needs, namespace: string, value: T, before?: Withheld): Promise<T> {
  const viewer: Principal = { name: '', via: 'channel', admin: false, scopes: [] }
  const hiddenAmong = async (keys: string[]) => {
    const standings = await standingsOf(d, viewer, keys)
    const of = (key: string): Standing => ({
      ...(standings.get(key) ?? unknownStanding),
      ...(key === namespace ? { role: 'viewer' } : {}),
    })
    return (key: string) => !mayRead(viewer, key, of(key))
  }
  return without(d, value, [], hiddenAmong, before)
}

async function without<T>(
  d: Needs,
  value: T,
  hostless: readonly string[],
  hiddenAmong: (keys: string[]) => Promise<(key: string) => boolean>,
  before?: Withheld,
): Promise<T> {
  if (hostless.length === 0 && !mayName(value)) return value
  const words = await vocabulary(d)
  const first = d.config.registries[0]?.name
  const keyOf = (name: string) => (words.alone === null ? `${first}/${name.split('/')[0]}` : name.split('/')[0]!)
  const keys = new Set([...keysIn(value, words), ...hostless.map(keyOf)])
  if (keys.size === 0) return value
  const isHidden = await hiddenAmong([...keys])
  if (![...keys].some(isHidden)) return value
  return withhold(
    value,
    words,
    isHidden,
    hostless.filter((name) => isHidden(keyOf(name))),
    before,
  )
}
