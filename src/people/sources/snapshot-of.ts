import { isRepository } from '../../oci/reference.ts'
import { namespaceKey } from '../namespace-key.ts'
import { EmailAddress, type MemberRole, oneLine, UserName, type Visibility } from '../person.ts'
import {
  type Faulty,
  type Lacking,
  type SaidMember,
  type SaidPerson,
  type SaidRule,
  type Snapshot,
  SourceError,
  told,
} from './source.ts'

/** What a source says, as it says it: well-formed, and not looked at yet. `registry`: the configured name. */
export type Claims = {
  people: SaidPerson[]
  namespaces: { registry: string; name: string; visibility: Visibility | null }[]
  members: { registry: string; namespace: string; user: string; role: MemberRole; told: boolean }[]
  rules?: SaidRule[]
  notes?: string[]
  /** of namespaces by their names, all of `registry` */
  faulty?: Faulty & { registry: string }
  lacking?: Lacking[]
}

const most = 1_000_000
const notesOfAKind = 10
const ranks: readonly MemberRole[] = ['viewer', 'contributor', 'owner']

/**
 * What of it counts. A name that cannot stand in a path or a line, and a namespace that cannot be one, are left out, with what hangs on
 * them, and named in `notes`; a person with an address that is none stands without one. Of what is said twice the higher role counts, and
 * of a person the first. `registriesCount`: those configured (namespace-key.ts). Throws `too-large`.
 */
export function snapshotOf(claims: Claims, registriesCount: number): Snapshot {
  const count = claims.people.length + claims.namespaces.length + claims.members.length + (claims.rules?.length ?? 0)
  if (count > most)
    throw new SourceError('too-large', `it speaks of ${count} people, namespaces and roles; ${most} are taken`)
  const faults = {
    name: [] as string[],
    address: [] as string[],
    displayName: [] as string[],
    namespace: [] as string[],
  }
  const people = new Map<string, SaidPerson>()
  for (const person of claims.people) {
    if (!isName(person.name)) faults.name.push(person.name)
    else if (!people.has(person.name)) people.set(person.name, checked(person, faults))
  }
  const keyOf = (registry: string, name: string) =>
    isNamespace(name) ? namespaceKey(registry, name, registriesCount) : null
  const namespaces = new Map<string, { key: string; visibility: Visibility | null }>()
  for (const { registry, name, visibility } of claims.namespaces) {
    const key = keyOf(registry, name)
    if (key === null) faults.namespace.push(name)
    else if (!namespaces.has(key)) namespaces.set(key, { key, visibility })
  }
  const members = new Map<string, SaidMember>()
  for (const { registry, namespace, user, role, told } of claims.members) {
    const key = keyOf(registry, namespace)
    if (key === null || !isName(user)) {
      if (key !== null && !faults.name.includes(user)) faults.name.push(user)
      continue
    }
    const before = members.get(`${key} ${user}`)
    const higher = before && ranks.indexOf(before.role) > ranks.indexOf(role) ? before.role : role
    members.set(`${key} ${user}`, { namespace: key, user, role: higher, told: told || before?.told === true })
  }
  const rules = (claims.rules ?? []).map((rule) => {
    faults.name.push(...rule.users.filter((user) => !isName(user) && !faults.name.includes(user)))
    return { ...rule, users: rule.users.filter(isName) }
  })
  const notes = [
    ...(claims.notes ?? []),
    ...listed('left out, as no name of a person', faults.name),
    ...listed('without an address, as theirs is none', faults.address),
    ...listed('without their display name, as it is not one line of text', faults.displayName),
    ...listed('left out, as no name of a namespace', faults.namespace),
  ]
  return {
    people: [...people.values()],
    namespaces: [...namespaces.values()],
    members: [...members.values()],
    rules,
    notes: notes.map(told),
    ...(claims.faulty ? { faulty: faultyOf(claims.faulty, keyOf) } : {}),
    lacking: claims.lacking ?? [],
  }
}

/** By keys; what can have no name was never said. */
function faultyOf(
  { registry, people, namespaces, visibilities, members, rules }: NonNullable<Claims['faulty']>,
  keyOf: (registry: string, name: string) => string | null,
): Faulty {
  const keys = (names: readonly string[]) => names.map((name) => keyOf(registry, name)).filter((key) => key !== null)
  const pairs = members.flatMap(({ namespace, user }) => keys([namespace]).map((key) => ({ namespace: key, user })))
  return {
    people: people.filter(isName),
    namespaces: keys(namespaces),
    visibilities: keys(visibilities),
    members: pairs.filter(({ user }) => isName(user)),
    rules,
  }
}

const isName = (name: string): boolean => UserName.safeParse(name).success
const isNamespace = (name: string): boolean => name === '_' || (!name.includes('/') && isRepository(name))

function checked(person: SaidPerson, faults: { address: string[]; displayName: string[] }): SaidPerson {
  const email = person.email === '' ? null : person.email
  const displayName = person.displayName?.trim() ? person.displayName : null
  const addressed = email === null || EmailAddress.safeParse(email).success
  const shown = displayName === null || (displayName.length <= 200 && oneLine.test(displayName))
  if (!addressed) faults.address.push(person.name)
  if (!shown) faults.displayName.push(person.name)
  return { ...person, email: addressed ? email : null, displayName: shown ? displayName : null }
}

/** Quoted, so that nothing in a name can break a line or a terminal. */
export function listed(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return []
  const shown = names.slice(0, notesOfAKind).map((name) => quoted(name))
  const more = names.length - shown.length
  return [`${what}: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`]
}

/** JSON's quoting, and further what is not seen or turns the writing around. */
export const quoted = (text: string): string =>
  JSON.stringify(text.slice(0, 100).toWellFormed()).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  )
