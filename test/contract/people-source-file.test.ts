import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { ownersFile } from '../../src/people/sources/owners-file.ts'
import { usualLimits } from '../../src/people/sources/source.ts'
import type { RegistryConfig } from '../../src/registry/registries.ts'
import { one, peopleSourceSuite } from './people-source.ts'
import type { World } from './people-world.ts'

const knows = {
  cannotLack: [] as string[],
  roles: true,
  disabled: true,
  bots: true,
  visibilities: ['private' as const, 'protected' as const, 'public' as const],
}
const never = new AbortController().signal
const dir = mkdtempSync(join(tmpdir(), 'people-file-'))
const path = join(dir, 'people.yaml')
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** every file has settled by then */
const later = () => new Date(Date.now() + 3_600_000)
const config = (file = path) => ({ kind: 'file' as const, name: 'people', registry: 'reg.test', path: file })
const source = (registries: RegistryConfig[] = one, file = path) =>
  ownersFile(config(file), registries, usualLimits, later)
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
      config,
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

  test('a line with a word that is no owner holds its place with nobody, is named, and makes nobody', async () => {
    const { rules, notes, people, faulty } = await read(
      file('lib @ada\n* ada @org/team a@b@c @ ops@example.org\n![x] @ada'),
    )
    expect(rules.map(({ pattern, users }) => [pattern, users])).toEqual([
      ['lib', ['ada']],
      ['*', []],
    ])
    expect(people).toHaveLength(4)
    expect(faulty?.rules).toBe(true)
    expect(notes.join('\n')).toMatch(/line 2: .*"ada".*"@org\/team".*"a@b@c".*"@"/)
    expect(notes.join('\n')).toContain('line 3')
  })

  test('a folded text (owners: >), which is all one line, gives nothing to anybody', async () => {
    await expect(read('owners: >\n  * ops@example.org\n  app/ @ada\n  app/web @bob\n')).rejects.toMatchObject({
      ...{ code: 'nonsense', message: expect.stringContaining('"app/"') },
    })
  })
})

describe('an entry that is wrong', () => {
  test('is named with why, every one, and is told apart from what is not there; the others stand', async () => {
    const { people, namespaces, members, notes, faulty } = await read(
      `users: {ada: 7, bob: bob@example.org, cyd: {mail: x}}
namespaces: {app: {members: {bob: king, ada: owner}}, lib: {members: {bob: owner}, visibility: secret}, web:, x: {member: {}}, "A B": 1}`,
    )
    expect(people.map(({ name }) => name)).toEqual(['bob'])
    expect(namespaces.map(({ key }) => key)).toEqual(['app', 'lib', 'web'])
    expect(members.map(({ namespace, user, role }) => [namespace, user, role])).toEqual([
      ['app', 'ada', 'owner'],
      ['lib', 'bob', 'owner'],
    ])
    expect(faulty).toEqual({
      ...{ people: ['ada', 'cyd'], namespaces: ['x'], visibilities: ['lib'], rules: false },
      members: [{ namespace: 'app', user: 'bob' }],
    })
    for (const said of ['users: "ada"', 'users: "cyd"', '"app": "bob"', '"lib": visibility', '"x"', '"A B"'])
      expect(notes.filter((note) => note.includes(said))).toHaveLength(1)
  })

  test('of many every one is named', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `u${i}`)
    const { notes } = await read(`users: {ada: a@x.org, ${names.map((name) => `${name}: 1`)}}`)
    expect(names.filter((name) => !notes.some((note) => note.includes(`"${name}"`)))).toEqual([])
  })

  test.each([
    ['users', 'users: {ada: 7, bob: {mail: b@x.org}}\nnamespaces: {app: {}}'],
    ['namespaces', 'users: {ada: a@x.org}\nnamespaces: {app: {member: {ada: owner}}, lib: 3}'],
    ['roles', 'users: {ada: a@x.org}\nnamespaces: {app: {members: {ada: Owner}}, lib: {members: {ada: king}}}'],
    ['owners', 'users: {ada: a@x.org}\nowners: "App @ada"'],
  ])('and is nonsense where all %s are', async (kind, text) => {
    await expect(read(text)).rejects.toMatchObject({
      ...{ code: 'nonsense', message: expect.stringContaining(`none of its ${kind}`) },
    })
  })
})

test('a name with half a character or a zero byte is none, in an owner rule too', async () => {
  const { rules, notes, members } = await read(
    `users: {ada: a@x.org}\nnamespaces: {"app": {members: {"b\\0b": owner, ada: owner}}}\nowners: "lib @ada\\n* @e\\0ve"`,
  )
  expect(rules.map(({ users }) => users)).toEqual([['ada'], []])
  expect(members.map(({ user }) => user)).toEqual(['ada'])
  expect(notes.join('')).toMatch(/^[^\p{Cc}\p{Cs}]*$/u)
  await expect(read('users: {"a\\0": 1}')).rejects.toMatchObject({ message: expect.stringMatching(/^[^\0]*$/) })
})

test('many owners are found by their addresses as fast as they are read', async () => {
  const count = 20_000
  const users = Array.from({ length: count }, (_, i) => `  u${i}: u${i}@example.org`).join('\n')
  const owners = Array.from({ length: count }, (_, i) => `  app/r${i} U${i}@example.org new${i}@example.org`).join('\n')
  const { rules, people } = await read(`users:\n${users}\nowners: |\n${owners}\n`)
  expect(rules[count - 1]?.users).toEqual([`u${count - 1}`, `new${count - 1}@example.org`])
  expect(people).toHaveLength(2 * count)
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
