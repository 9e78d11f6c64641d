import { mayIn, mayRead } from '../access/access.ts'
import { keyOfRef } from '../access/key-of-ref.ts'
import { standingsOfPeople } from '../access/standings-of-people.ts'
import { vocabulary } from '../access/vocabulary.ts'
import { keysIn, type Vocabulary, type Withheld, withhold } from '../access/withhold.ts'
import type { Deps } from '../deps.ts'
import { parseReference } from '../oci/reference.ts'
import { kinds, type Told } from './digest-outline.ts'
import type { Due, DuePerson } from './load-waiting.ts'

export type Readers = {
  /**
   * What is told without the names that one of these users may not read; what they are told of they may. `named`: the namespaces, by key, of
   * which something is named besides: whoever may not read one of them any more is not sent it.
   */
  hide: (users: readonly string[], told: Told[]) => { told: Told[]; named: string[] }
  /** Whether all of these users may give recipes and build in a namespace; `leader`: in that of the tag, by ref, that is built instead. */
  mayBuild: (users: readonly string[], namespace: string, leader?: string) => boolean
  mayRead: (users: readonly string[], namespace: string) => boolean
  /** Of users who are told at one address: one mail of what all of them may read, since each may read it with us too; and of the rest one for each. */
  apart: (person: DuePerson) => DuePerson[]
}

/**
 * What the readers of these mails may read, by the rules of the API, for all of them by three statements. Only a value that names something
 * hidden is gone through. `seen`: what objects that many notices share name, kept from call to call.
 */
export async function readersOf(
  d: Pick<Deps, 'sql' | 'config'>,
  people: readonly DuePerson[],
  seen: WeakMap<object, ReadonlySet<string>>,
): Promise<Readers> {
  const words = await vocabulary(d)
  const keysOf = (value: object): ReadonlySet<string> => {
    const known = seen.get(value) ?? keysIn(value, words)
    seen.set(value, known)
    return known
  }
  const inAll = (notices: readonly object[]): Set<string> => {
    const keys = new Set<string>()
    for (const part of partsOf(notices)) for (const key of keysOf(part)) keys.add(key)
    return keys
  }
  const told = people.flatMap(({ notices }) => notices)
  const keys = new Set(inAll(told))
  for (const { namespace } of told) keys.add(namespace)
  for (const leader of leadersOf(told)) keys.add(keyOfRef(d, leader))
  const standings = await standingsOfPeople(
    d,
    people.flatMap(({ users, others }) => [...users, ...others]),
    [...keys],
  )
  const reads = (user: string, key: string): boolean => {
    const person = standings.get(user)
    return !!person && mayRead(person.principal, key, person.standing(key))
  }
  const builds = (user: string, key: string): boolean => {
    const person = standings.get(user)
    const may = (need: 'build' | 'recipe') =>
      !!person && mayIn(person.principal, need, key, person.standing(key), 'read')
    return may('build') && may('recipe')
  }
  return {
    mayBuild(users, namespace, leader) {
      if (leader !== undefined && parseReference(leader) === null) return false
      const key = leader === undefined ? namespace : keyOfRef(d, leader)
      return users.every((user) => builds(user, key))
    },
    mayRead: (users, namespace) => users.every((user) => reads(user, namespace)),
    hide(names, told) {
      const own = new Set(told.map(({ namespace }) => namespace))
      const isHidden = (key: string) => !own.has(key) && !names.every((name) => reads(name, key))
      const [hidden, named] = partition([...inAll(told)], isHidden)
      return {
        told: hidden.length > 0 ? withheld(told, words, isHidden) : told,
        named: named.filter((key) => !own.has(key)),
      }
    },
    apart(person) {
      const { users, others, notices } = person
      if (users.length === 1) return [person]
      const hearers = Map.groupBy(notices, ({ ref }) => ref)
      const isForAll = ({ ref, namespace }: Due): boolean =>
        users.every((user) => reads(user, namespace) || hearers.get(ref)?.some(({ userName }) => userName === user))
      const [common, rest] = partition(notices, isForAll)
      const each = [common, ...Map.groupBy(rest, ({ userName }) => userName).values()]
      return each.flatMap((some) => {
        const named = [...new Set(some.map(({ userName }) => userName))].sort()
        return some.length === 0
          ? []
          : [
              {
                ...person,
                users: named,
                others: [...others, ...users].filter((user) => !named.includes(user)),
                notices: some,
              },
            ]
      })
    },
  }
}

function partition<T>(all: readonly T[], is: (one: T) => boolean): [T[], T[]] {
  const [yes, no]: [T[], T[]] = [[], []]
  for (const one of all) (is(one) ? yes : no).push(one)
  return [yes, no]
}

/** Names are numbered as they are read: first the bases, which are titles, then what is said below them. */
function withheld(told: Told[], words: Vocabulary, isHidden: (key: string) => boolean): Told[] {
  const before: Withheld = { numbers: new Map(), bare: new Set() }
  const titles = kinds.flatMap((kind) =>
    told.flatMap((one) => ((one.kind ?? 'outdated') === kind ? one.content.base : [])),
  )
  withhold([...new Set(titles)], words, isHidden, [], before)
  return withhold(told, words, isHidden, [], before)
}

/** Tags whose builds move those along that are told of, each once. */
function leadersOf(told: readonly Due[]): Set<string> {
  const outlooks = new Set(told.map(({ outlook }) => outlook))
  return new Set([...outlooks].flatMap((outlook) => (outlook.fate === 'outdated' && outlook.rebuild.movesWith) || []))
}

/** The objects within notices, many of which share them: each once. */
function partsOf(notices: readonly object[]): Set<object> {
  const parts = new Set<object>()
  for (const notice of notices)
    for (const part of Object.values(notice)) if (typeof part === 'object' && part !== null) parts.add(part)
  return parts
}
