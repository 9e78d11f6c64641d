import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../src/config.ts'

const files: Record<string, string> = { '/token': 'apptoken-1\n', '/pass': 'robot-secret\n', '/ca.pem': 'PEM' }
const load = (
  env: Record<string, string>,
  people: object = {},
  registries: object[] = [{ url: 'https://reg.test', aliases: ['hub.test'] }],
) =>
  loadSettings(
    { DRYDOCK_CONFIG: '/drydock.yaml', ...env },
    (path) => (path === '/drydock.yaml' ? JSON.stringify({ registries, people }) : files[path]!),
    0,
  )
const faultsOf = (env: Record<string, string>, people?: object, registries?: object[]): readonly string[] => {
  try {
    load(env, people, registries)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}
const two = [{ url: 'https://a.test' }, { url: 'https://b.test' }]
const database = 'mysql://reader:secret@db.test/portus'

describe('where people come from', () => {
  test('nowhere, every 300 s, unless said', () => {
    expect(load({})).toMatchObject({ portus: null, peopleSources: [], peopleInterval: 300 })
    expect(load({ DRYDOCK_PEOPLE_INTERVAL: '0' }).peopleInterval).toBe(0)
  })

  test("Portus' API, with a token of a file", () => {
    const { portus, peopleSources } = load({
      PORTUS_URL: 'https://portus.test/',
      PORTUS_USERNAME: 'drydock',
      PORTUS_TOKEN_FILE: '/token',
    })
    const place = { url: 'https://portus.test', caFile: null, insecure: false }
    expect(portus).toEqual({ ...place, username: 'drydock', token: 'apptoken-1' })
    expect(peopleSources).toEqual([
      {
        kind: 'portus-api',
        name: 'portus',
        registry: null,
        place,
        username: 'drydock',
        token: 'apptoken-1',
        members: 'all',
      },
    ])
  })

  test('its database instead, where that is said; the API then only checks logins', () => {
    const { portus, peopleSources } = load({ PORTUS_URL: 'https://portus.test', PORTUS_DATABASE_URL: database })
    expect(portus).toMatchObject({ url: 'https://portus.test', username: null })
    expect(peopleSources).toEqual([{ kind: 'portus-database', name: 'portus', registry: null, databaseUrl: database }])
  })

  test('Portus alone, without an account: logins are checked, and people come from elsewhere', () => {
    expect(load({ PORTUS_URL: 'http://127.0.0.1:3000' })).toMatchObject({
      portus: { username: null },
      peopleSources: [],
    })
  })

  test('files and Harbors, under the names they have or are given, of the only registry or the one that is named', () => {
    const people = {
      files: [{ path: '/etc/drydock/Our People.yaml' }, { path: '/x.yaml', name: 'x', registry: 'hub.test' }],
      harbor: [{ url: 'https://harbor.test', username: 'robot$d', passwordFile: '/pass', projects: ['app'] }],
    }
    expect(load({}, people).peopleSources).toMatchObject([
      { kind: 'harbor', name: 'harbor', registry: 'reg.test', password: 'robot-secret', projects: ['app'] },
      { kind: 'file', name: 'our-people', registry: 'reg.test', path: '/etc/drydock/Our People.yaml' },
      { kind: 'file', name: 'x', registry: 'reg.test' },
    ])
  })
})

test.each<[string, Record<string, string>, object, object[] | undefined, RegExp]>([
  [
    'a token without a user',
    { PORTUS_URL: 'https://p.test', PORTUS_TOKEN: 't' },
    {},
    undefined,
    /one without the other/,
  ],
  ['a user without an address', { PORTUS_USERNAME: 'u', PORTUS_TOKEN: 't' }, {}, undefined, /needs PORTUS_URL/],
  [
    'a colon in the user',
    { PORTUS_URL: 'https://p.test', PORTUS_USERNAME: 'a:b', PORTUS_TOKEN: 't' },
    {},
    undefined,
    /PORTUS_USERNAME/,
  ],
  ['no address', { PORTUS_URL: 'portus' }, {}, undefined, /PORTUS_URL: url: must be an address/],
  ['an account in the address', { PORTUS_URL: 'https://u:p@p.test' }, {}, undefined, /no account/],
  ['a token in clear', { PORTUS_URL: 'http://p.test' }, {}, undefined, /plain http .*people: \{portusInsecure: true\}/],
  ['no database', { PORTUS_DATABASE_URL: 'sqlite:///x' }, {}, undefined, /PORTUS_DATABASE_URL: must be an address/],
  [
    'a database without a name',
    { PORTUS_DATABASE_URL: 'mysql://u:secret@db.test' },
    {},
    undefined,
    /PORTUS_DATABASE_URL/,
  ],
  [
    'a strange option',
    { PORTUS_DATABASE_URL: `${database}?allowLoadLocalInfile=true` },
    {},
    undefined,
    /sslmode and sslrootcert/,
  ],
  ['a strange mode', { PORTUS_DATABASE_URL: `${database}?sslmode=prefer` }, {}, undefined, /sslmode must be one of/],
  [
    'certificates for nothing',
    { PORTUS_DATABASE_URL: `${database}?sslrootcert=/ca.pem` },
    {},
    undefined,
    /verify-full/,
  ],
  ['half an escape', { PORTUS_DATABASE_URL: 'mysql://u:se%c@db.test/p' }, {}, undefined, /encoded/],
  ['the name of the API', {}, { files: [{ path: '/x.yaml', name: 'local' }] }, undefined, /"local"/],
  [
    'two of one name',
    {},
    { files: [{ path: '/a/x.yaml' }, { path: '/b/x.yml' }] },
    undefined,
    /two sources are called x/,
  ],
  ['which registry is open', {}, { files: [{ path: '/x.yaml' }] }, two, /registry: to be said/],
  [
    'a registry of nobody',
    {},
    { files: [{ path: '/x.yaml', registry: 'c.test' }] },
    two,
    /c\.test is no configured registry/,
  ],
  ['no password', {}, { harbor: [{ url: 'https://h.test', username: 'r' }] }, undefined, /one of them/],
  [
    'two passwords',
    {},
    { harbor: [{ url: 'https://h.test', username: 'r', password: 'a', passwordFile: '/pass' }] },
    undefined,
    /one of them/,
  ],
  ['a strange field', {}, { portusMember: 'all' }, undefined, /people/],
  ['members of another kind', {}, { portusMembers: 'some' }, undefined, /portusMembers/],
])('%s is a fault', (_what, env, people, registries, expected) => {
  const faults = faultsOf(env, people, registries)
  expect(faults.join('\n')).toMatch(expected)
  expect(faults.join('\n')).not.toContain('secret')
})
