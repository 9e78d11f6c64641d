import { mayRead, type Standing } from '../access/access.ts'
import { nobody, personCalled } from '../access/principal.ts'
import { standingsOf } from '../access/standing.ts'
import { vocabulary } from '../access/withheld-from.ts'
import { keysIn, withhold } from '../access/withhold.ts'
import type { Deps } from '../deps.ts'
import type { Told } from './digest-outline.ts'
import type { DuePerson } from './load-waiting.ts'

/** What is told without the names that one of these users may not read; what they are told of they may. */
export type Hide = (users: readonly string[], told: Told[]) => Told[]

/**
 * What the readers of these mails may read, by the rules of the API, for all of them by two statements. Only a value that names something
 * hidden is gone through. `seen`: what objects that many notices share name, kept from call to call.
 */
export async function readersOf(
  d: Pick<Deps, 'sql' | 'config'>,
  people: readonly DuePerson[],
  seen: WeakMap<object, ReadonlySet<string>>,
): Promise<Hide> {
  const words = vocabulary(d)
  const keysOf = (value: object): ReadonlySet<string> => {
    const known = seen.get(value) ?? keysIn(value, words)
    seen.set(value, known)
    return known
  }
  const inAll = (notices: readonly object[]): Set<string> => {
    const parts = new Set(notices.flatMap(partsOf))
    return new Set([...parts].flatMap((part) => [...keysOf(part)]))
  }
  const keys = [...inAll(people.flatMap(({ notices }) => notices))]
  const open = await standingsOf(d, nobody, keys)
  const users = [...new Set(people.flatMap((person) => person.users))]
  const rows = await d.sql<{ name: string; admin: boolean; namespace: string | null; role: Standing['role'] }[]>`
    select p.name, p.admin, m.namespace_key as namespace, m.role
    from person p left join member m on m.user_name = p.name and m.namespace_key = any(${keys})
    where p.name = any(${users})`
  const byUser = Map.groupBy(rows, ({ name }) => name)
  const reads = (user: string, key: string): boolean => {
    const own = byUser.get(user)
    if (!own) return false
    const role = own.find(({ namespace }) => namespace === key)?.role ?? null
    const standing = { visibility: open.get(key)?.visibility ?? null, role }
    return mayRead(personCalled(user, own[0]!.admin), key, standing)
  }
  return (names, told) => {
    const own = new Set(told.map(({ namespace }) => namespace))
    const isHidden = (key: string) => !own.has(key) && !names.every((name) => reads(name, key))
    return [...inAll(told)].some(isHidden) ? withhold(told, words, isHidden) : told
  }
}

/** The objects within a notice that are shared by many: each is looked through once. */
const partsOf = (notice: object): object[] =>
  Object.values(notice).filter((part): part is object => typeof part === 'object' && part !== null)
