import { z } from 'zod'
import { EmailAddress, MemberRole, UserName, Visibility } from '../person.ts'
import { ownerRules } from './owner-rules.ts'
import { parseSaid } from './parse-said.ts'
import { peopleYaml } from './people-yaml.ts'
import { type Claims, quoted } from './snapshot-of.ts'
import { type SaidPerson, SourceError } from './source.ts'

/** What the file holds; an entry is looked at by itself, and more than that is no such file. */
const File = z.strictObject({
  users: z.record(z.string(), z.unknown()).default({}),
  namespaces: z.record(z.string(), z.unknown()).default({}),
  owners: z.string('must be text, one rule a line (owners: |)').default(''),
})
const Flag = z.boolean('must be true or false')
const User = z.strictObject(
  {
    email: z.string('must be text').nullable().default(null),
    name: z.string('must be text').nullable().default(null),
    enabled: Flag.default(true),
    bot: Flag.default(false),
    admin: Flag.default(false),
  },
  'must be an address, or {email, name, enabled, bot, admin}',
)
const NamespaceEntry = z.strictObject(
  {
    visibility: z.unknown().optional(),
    members: z.record(z.string(), z.unknown(), 'must be {name: role}').default({}),
  },
  'must be {visibility, members}',
)
type Registry = { registry: string }

/** How many there are of a kind, and how many of them are none: where all are, it is no such file. */
type Tally = Record<'users' | 'namespaces' | 'roles' | 'owners', { all: number; faulty: string[] }>

const faultsShown = 1000

/**
 * Of the text of such a file. Pure. An entry that is none is named, every one, and is `faulty`: what was last said of it holds on. Throws
 * `nonsense` where it is no such file, or where no entry of a kind is one.
 */
export function fileClaims(text: string, path: string, registry: string): Claims {
  const file = parseSaid(File, peopleYaml(text, path), path)
  const none = (): Tally['users'] => ({ all: 0, faulty: [] })
  const tally: Tally = { users: none(), namespaces: none(), roles: none(), owners: none() }
  const tell = (kind: keyof Tally, place: string, why: string) => {
    tally[kind].faulty.push(`${place}: ${why}`)
  }
  const people = new Map<string, SaidPerson>()
  const faulty = { registry, people: [], namespaces: [], visibilities: [], members: [], rules: false } as NonNullable<
    Claims['faulty']
  >
  for (const [name, entry] of Object.entries(file.users)) {
    tally.users.all++
    const parsed = User.safeParse(typeof entry === 'string' ? { email: entry } : entry)
    if (parsed.success) people.set(name, { ...parsed.data, name, displayName: parsed.data.name })
    else {
      faulty.people.push(name)
      tell('users', `users: ${quoted(name)}`, why(parsed.error))
    }
  }
  const someone = finder(people, faulty.people)
  const { namespaces, members } = namespacesOf(file.namespaces, { registry }, { tally, tell, faulty, someone })
  const rules = ownerRules(file.owners).map(({ line, pattern, regex, owners, fault }) => {
    tally.owners.all++
    const users = owners.map((owner) => ownerOf(owner, someone))
    const strange = owners.filter((_, i) => users[i] === null)
    const wrong =
      fault ?? (strange.length > 0 ? `neither @name nor an address: ${strange.map(quoted).join(', ')}` : null)
    if (wrong !== null) tell('owners', `owners: line ${line}`, wrong)
    // one that is not understood keeps its place with nobody: whom a rule before it names is not meant
    return {
      registry,
      pattern,
      regex,
      users: wrong === null ? [...new Set(users.filter((user) => user !== null))] : [],
    }
  })
  for (const [kind, { all, faulty: wrong }] of Object.entries(tally))
    if (all > 0 && wrong.length >= all)
      throw new SourceError('nonsense', `${path}: none of its ${kind} is as it should be: ${wrong[0]}`)
  faulty.rules = tally.owners.faulty.length > 0
  const faults = Object.values(tally).flatMap(({ faulty: wrong }) => wrong)
  const shown = faults.slice(0, faultsShown).map((fault) => `wrong, and as it was last, if it was: ${fault}`)
  const more = faults.length - shown.length
  const notes = more > 0 ? [...shown, `and ${more} more that are wrong`] : shown
  const written = rules.filter(({ regex }) => regex !== '')
  return { people: [...people.values()], namespaces, members, rules: written, notes, faulty }
}

function namespacesOf(
  said: Record<string, unknown>,
  { registry }: Registry,
  {
    tally,
    tell,
    faulty,
    someone,
  }: {
    tally: Tally
    tell: (kind: keyof Tally, place: string, why: string) => void
    faulty: NonNullable<Claims['faulty']>
    someone: (text: string) => string | null
  },
): Pick<Claims, 'namespaces' | 'members'> {
  const namespaces: Claims['namespaces'] = []
  const members: Claims['members'] = []
  for (const [name, entry] of Object.entries(said)) {
    tally.namespaces.all++
    const place = `namespaces: ${quoted(name)}`
    const parsed = NamespaceEntry.safeParse(entry ?? {})
    if (!parsed.success) {
      faulty.namespaces.push(name)
      tell('namespaces', place, why(parsed.error))
      continue
    }
    const visibility = Visibility.nullish().safeParse(parsed.data.visibility)
    if (!visibility.success) {
      faulty.visibilities.push(name)
      tell('namespaces', `${place}: visibility`, why(visibility.error))
    }
    namespaces.push({ registry, name, visibility: visibility.data ?? null })
    for (const [member, given] of Object.entries(parsed.data.members)) {
      tally.roles.all++
      const user = someone(member) ?? member
      const role = MemberRole.safeParse(given)
      if (role.success) members.push({ registry, namespace: name, user, role: role.data, told: false })
      else {
        faulty.members.push({ namespace: name, user })
        tell('roles', `${place}: ${quoted(member)}`, why(role.error))
      }
    }
  }
  return { namespaces, members }
}

const why = (error: z.ZodError): string => {
  const [first] = error.issues
  return [...(first?.path ?? []), first?.message ?? 'is wrong'].join(': ')
}

/** The name of whom an owner rule names; null where it is neither @name nor an address. */
function ownerOf(owner: string, someone: (text: string) => string | null): string | null {
  if (!owner.startsWith('@')) return owner.includes('@') ? someone(owner) : null
  return UserName.safeParse(owner.slice(1)).data ?? null
}

/**
 * The name of whom somebody means: a user of the file, by name or by address (of several with one address the first by name, as a mail goes
 * there once); else the address itself, which makes a person of that name. Null where it is none of these and no address.
 */
function finder(people: Map<string, SaidPerson>, others: readonly string[]): (said: string) => string | null {
  const named = new Set(others)
  const byAddress = new Map<string, string>()
  for (const { name, email } of people.values()) {
    const address = email?.toLowerCase()
    const first = address === undefined ? undefined : byAddress.get(address)
    if (address !== undefined && (first === undefined || name < first)) byAddress.set(address, name)
  }
  return (said) => {
    if (people.has(said) || named.has(said)) return said
    if (!EmailAddress.safeParse(said).success) return null
    const address = said.toLowerCase()
    const known = byAddress.get(address)
    if (known !== undefined) return known
    byAddress.set(address, address)
    people.set(address, { name: address, email: address, displayName: null, enabled: true, bot: false, admin: false })
    return address
  }
}
