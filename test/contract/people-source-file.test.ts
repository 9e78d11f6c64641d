import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { ownersFile } from '../../src/people/sources/owners-file.ts'
import type { RegistryConfig } from '../../src/registry/registries.ts'
import { one, peopleSourceSuite } from './people-source.ts'
import type { World } from './people-world.ts'

const knows = {
  roles: true,
  disabled: true,
  bots: true,
  visibilities: ['private' as const, 'protected' as const, 'public' as const],
}
const never = new AbortController().signal
const dir = mkdtempSync(join(tmpdir(), 'people-file-'))
const path = join(dir, 'people.yaml')
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const source = (registries: RegistryConfig[] = one, file = path) =>
  ownersFile({ kind: 'file', name: 'people', registry: 'reg.test', path: file }, registries)
const read = (text: string | Buffer) => {
  writeFileSync(path, text)
  return source().read(never)
}

/** A world as the file has it. */
function fileOf({ users, teams, namespaces }: World): string {
  const members = new Map(teams.map((team) => [team.name, team.members]))
  return stringify({
    users: Object.fromEntries(users.map(({ name, displayName, ...user }) => [name, { ...user, name: displayName }])),
    namespaces: Object.fromEntries(
      namespaces.map(({ name, team, visibility }) => [name, { visibility, members: members.get(team) ?? {} }]),
    ),
  })
}

describe('a file', () => {
  peopleSourceSuite(
    async () => ({
      set: async (world) => writeFileSync(path, fileOf(world)),
      source: (registries) => source(registries),
      broken: (registries) => ({ source: source(registries, join(dir, 'none.yaml')), code: 'unreadable' }),
      stranger: null,
      close: async () => {},
    }),
    knows,
  )
})

describe('owners', () => {
  const file = (owners: string) =>
    `users:\n  ada: ada@example.org\n  bob: {email: Team@example.org}\n  abe: team@example.org\nowners: |\n  ${owners.replaceAll('\n', '\n  ')}\n`

  test('are people by name, or by the address of one of the file; of two with one address the first by name', async () => {
    const { rules, people } = await read(file('* @ada\napp/ TEAM@example.org @carl\nlib/'))
    expect(rules.map(({ registry, pattern, users }) => ({ registry, pattern, users }))).toEqual([
      { registry: 'reg.test', pattern: '*', users: ['ada'] },
      { registry: 'reg.test', pattern: 'app/', users: ['abe', 'carl'] },
      { registry: 'reg.test', pattern: 'lib/', users: [] },
    ])
    expect(people.map(({ name }) => name)).toEqual(['ada', 'bob', 'abe'])
  })

  test('an address of nobody makes a person of that name, once', async () => {
    const { rules, people } = await read(file('* New@Example.org\napp new@example.org @ada'))
    expect(rules.map(({ users }) => users)).toEqual([['new@example.org'], ['new@example.org', 'ada']])
    expect(people.filter(({ email }) => email === 'new@example.org')).toEqual([
      { name: 'new@example.org', email: 'new@example.org', displayName: null, enabled: true, bot: false, admin: false },
    ])
  })

  test('who is neither is left out and named, and makes nobody', async () => {
    const { rules, notes, people } = await read(file('* ada @org/team a@b@c @ ops@example.org\n![x] @ada'))
    expect(rules.map(({ users }) => users)).toEqual([['ops@example.org']])
    expect(people).toHaveLength(4)
    expect(notes.join('\n')).toMatch(/line 1: ada.*@org\/team.*a@b@c/)
    expect(notes.join('\n')).toContain('line 2')
  })
})

test('an entry that is otherwise is left out, and the others stand', async () => {
  const { people, namespaces, members, notes } = await read(
    'users: {ada: 7, bob: bob@example.org, cyd: {mail: x}}\nnamespaces: {app: {members: {bob: king}}, lib: {members: {bob: owner}}, web:}',
  )
  expect(people.map(({ name }) => name)).toEqual(['bob'])
  expect(namespaces.map(({ key }) => key)).toEqual(['lib', 'web'])
  expect(members).toEqual([{ namespace: 'lib', user: 'bob', role: 'owner', told: false }])
  for (const said of ['users: "ada"', 'users: "cyd"', 'namespaces: "app"']) expect(notes.join('\n')).toContain(said)
})

test.each<[string, string | Buffer, string]>([
  ['empty', '', 'nonsense'],
  ['of comments alone', '# soon\n', 'nonsense'],
  ['no YAML', 'users: [\n', 'nonsense'],
  ['a list', '- ada\n', 'nonsense'],
  ['of another kind', 'users: {}\npeople: {}\n', 'nonsense'],
  ['with a key twice', 'users: {ada: a@x}\nusers: {}\n', 'nonsense'],
  ['no UTF-8', Buffer.from([0xff, 0xfe, 0x00]), 'nonsense'],
  [
    'of aliases that grow',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
      .split('')
      .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`)
      .join('\n')}\n`,
    'nonsense',
  ],
  ['too large', Buffer.alloc(9 * 2 ** 20, 0x23), 'too-large'],
])('a file that is %s says nothing, instead of that there is nobody', async (_what, text, code) => {
  await expect(read(text)).rejects.toMatchObject({ name: 'SourceError', code })
})

test('a directory and a device are no files', async () => {
  for (const file of [dir, '/dev/zero'])
    await expect(source(one, file).read(never)).rejects.toMatchObject({ code: 'unreadable' })
})
