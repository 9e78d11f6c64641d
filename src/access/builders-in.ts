import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { mayIn } from './access.ts'
import type { Principal } from './principal.ts'
import { readsEverything } from './readable-by.ts'
import { standingsOf, unknownStanding } from './standing.ts'

/**
 * In which of these namespaces the principal may build: to them alone it is told in words why a build failed, and what its log says.
 * Reading takes no more than the scope `read`. One statement; none for admins.
 */
export async function buildersIn(
  d: { sql: Deps['sql'] | Tx; config: Pick<Deps['config'], 'registries'> },
  principal: Principal,
  keys: readonly string[],
): Promise<(key: string) => boolean> {
  if (readsEverything(principal)) return () => true
  const standings = await standingsOf(d, principal, [...new Set(keys)])
  return (key) => mayIn(principal, 'build', key, standings.get(key) ?? unknownStanding, 'read')
}
