import { isUtf8 } from 'node:buffer'
import { open } from 'node:fs/promises'
import { isScalar, parseDocument, visit } from 'yaml'
import { z } from 'zod'
import type { PeopleSourceConfig } from '../../people-settings.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import { EmailAddress, MemberRole, Visibility } from '../person.ts'
import { ownerRules } from './owner-rules.ts'
import { parseSaid } from './parse-said.ts'
import { type Claims, listed, quoted, snapshotOf } from './snapshot-of.ts'
import { type PeopleSource, type SaidPerson, SourceError } from './source.ts'

type Config = Extract<PeopleSourceConfig, { kind: 'file' }>

const mostBytes = 4 * 2 ** 20

/** What the file holds; one entry that is otherwise is left out, more than that is no such file. */
const File = z.strictObject({
  users: z.record(z.string(), z.unknown()).default({}),
  namespaces: z.record(z.string(), z.unknown()).default({}),
  owners: z.string('must be text, one rule a line (owners: |)').default(''),
})
/** An address alone, or all that is known. */
const User = z.union([
  z.string().transform((email) => ({ email, name: null, enabled: true, bot: false, admin: false })),
  z.strictObject({
    email: z.string().nullable().default(null),
    name: z.string().nullable().default(null),
    enabled: z.boolean().default(true),
    bot: z.boolean().default(false),
    admin: z.boolean().default(false),
  }),
])
const NamespaceEntry = z.strictObject({
  visibility: Visibility.nullable().default(null),
  members: z.record(z.string(), MemberRole).default({}),
})

/** A file of people, roles and owner rules, as docs/people.md has it. It is read anew each time. */
export function ownersFile(config: Config, registries: readonly RegistryConfig[]): PeopleSource {
  return {
    name: config.name,
    async read(signal) {
      const text = await readText(config.path, signal)
      return snapshotOf(fileClaims(text, config.path, config.registry), registries.length)
    },
  }
}

/** A file that grows while it is read is read no further than it may be large. */
async function readText(path: string, signal: AbortSignal): Promise<string> {
  const bytes = await readBytes(path, signal).catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof SourceError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no file'
    throw new SourceError('unreadable', `${path} cannot be read (${code})`, error)
  })
  if (!isUtf8(bytes)) throw new SourceError('nonsense', `${path} is no UTF-8`)
  return bytes.toString()
}

async function readBytes(path: string, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted()
  const file = await open(path)
  try {
    if (!(await file.stat()).isFile()) throw new SourceError('unreadable', `${path} is no file`)
    const bytes = Buffer.alloc(mostBytes + 1)
    let size = 0
    for (let read = -1; read !== 0 && size <= mostBytes; size += read) {
      signal.throwIfAborted()
      read = (await file.read(bytes, size, bytes.length - size)).bytesRead
    }
    if (size > mostBytes) throw new SourceError('too-large', `${path} is larger than ${mostBytes / 2 ** 20} MiB`)
    return bytes.subarray(0, size)
  } finally {
    await file.close()
  }
}

/** Of the text of such a file. Pure. Throws `nonsense` where it is none. */
export function fileClaims(text: string, path: string, registry: string): Claims {
  const file = parseSaid(File, parseYaml(text, path), path)
  const faults: string[] = []
  const people = new Map<string, SaidPerson>()
  for (const [name, entry] of Object.entries(file.users)) {
    const parsed = User.safeParse(entry)
    if (!parsed.success) faults.push(`users: ${quoted(name)}`)
    else {
      const { name: displayName, ...user } = parsed.data
      people.set(name, { ...user, name, displayName })
    }
  }
  const someone = (said: string) => nameOf(said, people)
  const namespaces: Claims['namespaces'] = []
  const members: Claims['members'] = []
  for (const [name, entry] of Object.entries(file.namespaces)) {
    const parsed = NamespaceEntry.safeParse(entry ?? {})
    if (!parsed.success) {
      faults.push(`namespaces: ${quoted(name)}`)
      continue
    }
    namespaces.push({ registry, name, visibility: parsed.data.visibility })
    for (const [user, role] of Object.entries(parsed.data.members))
      members.push({ registry, namespace: name, user: someone(user) ?? user, role, told: false })
  }
  const { rules, faults: ruleFaults } = ownerRules(file.owners)
  const strangers: string[] = []
  const resolved = rules.map(({ line, pattern, regex, owners }) => {
    const users = owners.map((owner) => {
      const user = owner.startsWith('@') ? owner.slice(1) : owner.includes('@') ? someone(owner) : null
      if (user === null || user === '' || user.includes('/')) strangers.push(`line ${line}: ${owner}`)
      return user ?? ''
    })
    const named = users.filter((user) => user !== '' && !user.includes('/'))
    return { registry, pattern, regex, users: [...new Set(named)] }
  })
  const notes = [
    ...faults.map((fault) => `left out, as it is not as it should be: ${fault}`).slice(0, 20),
    ...listed('owners: rules left out', ruleFaults),
    ...listed('owners: left out, as neither @name nor an address', strangers),
  ]
  return { people: [...people.values()], namespaces, members, rules: resolved, notes }
}

/**
 * The name of whom somebody means: a user of the file, by name or by address (of several with one address the first by name, as a mail goes
 * there once); else the address itself, which makes a person of that name. Null where it is none of these and no address.
 */
function nameOf(said: string, people: Map<string, SaidPerson>): string | null {
  if (people.has(said)) return said
  if (!EmailAddress.safeParse(said).success) return null
  const address = said.toLowerCase()
  const [known] = [...people.values()]
    .filter(({ email }) => email?.toLowerCase() === address)
    .map(({ name }) => name)
    .sort()
  if (known !== undefined) return known
  people.set(address, { name: address, email: address, displayName: null, enabled: true, bot: false, admin: false })
  return address
}

function parseYaml(text: string, path: string): unknown {
  // the library compares each key with all others of its map, which takes minutes for a large file
  const document = parseDocument(text, { uniqueKeys: false })
  const fault = document.errors[0]?.message.split('\n')[0] ?? twice(document)
  if (fault != null) throw new SourceError('nonsense', `${path} is no YAML: ${fault}`)
  const yaml = unfolded(document, path)
  // what is half written, or was emptied by mistake, is not taken to say that there is nobody
  if (yaml == null) throw new SourceError('nonsense', `${path} is empty; to say nobody, write "users: {}"`)
  return yaml
}

/** A key that stands twice in one map: which of both is meant, nobody knows. */
function twice(document: ReturnType<typeof parseDocument>): string | null {
  let found: string | null = null
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        const name = isScalar(key) ? key.value : key
        if (seen.has(name)) found = `${quoted(String(name))} stands twice in one place`
        seen.add(name)
      }
      return found === null ? undefined : visit.BREAK
    },
  })
  return found
}

/** With its aliases in place; those that grow without measure are refused. */
function unfolded(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    if (error instanceof Error) throw new SourceError('nonsense', `${path} is no YAML: ${error.message}`, error)
    throw error
  }
}
