import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Visibility } from '../../src/people/person.ts'
import type { PeopleSource, Snapshot } from '../../src/people/sources/source.ts'
import type { PeopleSourceConfig } from '../../src/people-settings.ts'
import type { RegistryConfig } from '../../src/registry/registries.ts'
import { comeBackSuite } from './people-source-come-back.ts'
import { emptiedSuite } from './people-source-emptied.ts'
import { many, nobody, user, type World, world } from './people-world.ts'

export const registry = (name: string, aliases: string[] = []): RegistryConfig => ({
  ...{ name, url: `https://${name}`, aliases, insecure: false },
})
export const one = [registry('reg.test')]
export const two = [registry('other.test'), registry('reg.test')]

/** Something real that holds a world, and sources that read it. `broken`: one that finds nobody at home. `stranger`: with a wrong account. */
export type Holder = {
  set: (world: World) => Promise<void>
  /** of what it holds, as it is configured */
  config: () => PeopleSourceConfig
  source: (registries: RegistryConfig[]) => PeopleSource
  broken: (registries: RegistryConfig[]) => { source: PeopleSource; code: string }
  stranger: ((registries: RegistryConfig[]) => PeopleSource) | null
  close: () => Promise<void>
}

/** What a kind of source can know. `roles` false: who hears alone. `cannotLack`: of people-source-emptied.ts, what it is never believed to lack. */
export type Knows = {
  cannotLack: string[]
  roles: boolean
  disabled: boolean
  bots: boolean
  visibilities: Visibility[]
}

const never = new AbortController().signal

/** What every source of people owes whoever reads it. Run on each adapter. */
export function peopleSourceSuite(start: () => Promise<Holder>, knows: Knows): void {
  let holder: Holder
  beforeAll(async () => {
    holder = await start()
  })
  afterAll(() => holder.close())
  const read = async (said: World, registries = one): Promise<Snapshot> => {
    await holder.set(said)
    return holder.source(registries).read(never)
  }

  test('says who there is, which namespaces, and who may do what', async () => {
    const snapshot = await read(world())
    expect(byName(snapshot)).toEqual(byName(expected(world(), knows, '')))
  })

  test('the same again, and what has changed meanwhile', async () => {
    const before = await read(world())
    expect(byName(await read(world()))).toEqual(byName(before))
    const changed = world()
    changed.users[1]!.email = 'robert@example.org'
    changed.teams[0]!.members = { bob: 'owner' }
    changed.namespaces[2]!.visibility = 'public'
    changed.namespaces.pop()
    expect(byName(await read(changed))).toEqual(byName(expected(changed, knows, '')))
  })

  test('with several registries a key begins with the host of its own', async () => {
    const snapshot = await read(world(), two)
    expect(byName(snapshot)).toEqual(byName(expected(world(), knows, 'reg.test/')))
  })

  test('that there is nobody', async () => {
    expect(await read(nobody())).toMatchObject({ people: [], namespaces: [], members: [], rules: [] })
  })

  test('everybody, of more than a page', async () => {
    const crowd = many(240)
    expect(byName(await read(crowd))).toEqual(byName(expected(crowd, knows, '')))
  })

  describe('what is no address, no name and no namespace is left out, named, and takes nothing else with it', () => {
    const bad = (): World => {
      const said = world()
      said.users[0]!.email = 'ada@example.org\r\nBcc: all@example.org'
      said.users[1]!.email = 'Bob <bob@example.org>, all@example.org'
      said.users.push(user('a/b', { email: 'slash@example.org' }), user('tab\tbed', { email: 'tab@example.org' }))
      said.users.push(user('turned\u202eround', { email: 'turned@example.org' }))
      said.teams[0]!.members['a/b'] = 'owner'
      said.namespaces.push({ name: 'No Namespace', team: 'dev', visibility: 'public' })
      return said
    }
    test('all others stand', async () => {
      const snapshot = await read(bad())
      const rest = world()
      for (const i of [0, 1]) rest.users[i]!.email = null
      expect(byName(snapshot)).toEqual(byName(expected(rest, knows, '')))
    })
    test('and none of it can break a line where it is told', async () => {
      const { notes } = await read(bad())
      for (const said of ['"ada"', '"bob"', '"a/b"', '"No Namespace"', 'tab', 'turned'])
        expect(notes.filter((note) => note.includes(said))).toHaveLength(1)
      for (const note of notes) expect(note).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u)
    })
  })

  test('that it is not there is an error, and no empty answer', async () => {
    const { source, code } = holder.broken(one)
    await expect(source.read(never)).rejects.toMatchObject({ name: 'SourceError', code })
  })

  test('nor is a wrong account; and the error tells no secret', async () => {
    if (holder.stranger === null) return expect(knows.roles).toBe(true) // a file has no account
    await holder.set(world())
    const error = await holder
      .stranger(one)
      .read(never)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'SourceError', code: 'unauthorized' })
    expect(String(error)).not.toContain('wrong-secret')
  })

  emptiedSuite(() => holder, knows)

  comeBackSuite(() => holder)

  test('it ends when it is told to', async () => {
    await holder.set(world())
    const reason = new Error('stopped by the test')
    await expect(holder.source(one).read(AbortSignal.abort(reason))).rejects.toBe(reason)
  })
}

/** What a source has to say of a world, as far as it can know. */
function expected(said: World, knows: Knows, host: string): Snapshot {
  const teams = new Map(said.teams.map(({ name, members }) => [name, members]))
  return {
    people: said.users.map((person) => ({
      ...person,
      enabled: knows.disabled ? person.enabled : true,
      bot: knows.bots ? person.bot : false,
    })),
    namespaces: said.namespaces.map(({ name, visibility }) => ({
      key: `${host}${name}`,
      visibility: knows.visibilities.includes(visibility) ? visibility : 'private',
    })),
    members: said.namespaces.flatMap(({ name, team }) =>
      Object.entries(teams.get(team) ?? {}).map(([member, role]) => ({
        ...{ namespace: `${host}${name}`, user: member },
        ...(knows.roles ? { role, told: false } : { role: 'viewer' as const, told: true }),
      })),
    ),
    rules: [],
    notes: [],
  }
}

/** Without order and notes. */
const byName = ({ people, namespaces, members }: Snapshot) => ({
  people: people.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  namespaces: namespaces.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
  members: members.toSorted((a, b) => (`${a.namespace} ${a.user}` < `${b.namespace} ${b.user}` ? -1 : 1)),
})
