import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../src/config.ts'

const files: Record<string, string> = {
  '/etc/aliases.yml': `registries:
  - {name: registry.example.org, aliases: ["Hub.Corp:5000", localhost:5000, registry.example.org], url: "http://localhost:5001"}
  - {name: hub.docker.com, aliases: [registry-1.docker.io], url: "https://registry-1.docker.io", watch: true, perMinute: 20}
`,
  '/etc/claims.yml': `registries:
  - {name: a.org, aliases: [b.org, c.org], url: "https://a.org"}
  - {name: b.org, aliases: [c.org], url: "https://b.org"}
`,
  '/etc/watched.yml': `registries:
  - {url: "https://a.org", aliases: [nohost], perMinute: 0}
  - {url: "https://b.org", watch: true, webhookToken: t}
  - {url: "https://c.org", perMinute: 5}
`,
  '/etc/no-aliases.yml': 'registries: [{url: "https://a.org", aliases: [corp, a.org]}]',
}

const readFile = (path: string): string => {
  const content = files[path]
  if (content === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
  return content
}

const load = (env: Record<string, string>, uid = 1000) => loadSettings({ HOME: '/home/me', ...env }, readFile, uid)

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

describe('registries under several hosts, and watched ones', () => {
  test('aliases are normalised; a registry with watch is none of those that send us events', () => {
    const { registries, outside } = load({ DRYDOCK_CONFIG: '/etc/aliases.yml' })
    expect(registries).toMatchObject([
      { name: 'registry.example.org', aliases: ['hub.corp:5000', 'localhost:5000'], watch: false },
    ])
    expect(outside).toMatchObject([{ name: 'hub.docker.com', aliases: ['docker.io'], watch: true, perMinute: 20 }])
  })

  test('aliases of the one registry of the environment', () => {
    const env = {
      DRYDOCK_REGISTRY_URL: 'http://localhost:5000',
      DRYDOCK_REGISTRY_ALIASES: ' hub.corp, Registry.Corp:80 ',
    }
    expect(load(env).registries).toMatchObject([{ aliases: ['hub.corp', 'registry.corp:80'] }])
  })

  test.each<[string, Record<string, string>, RegExp[]]>([
    [
      'a host two registries claim',
      { DRYDOCK_CONFIG: '/etc/claims.yml' },
      [
        /b\.org is an alias of a\.org, and the name of another/,
        /c\.org is an alias of two registries, a\.org and b\.org/,
      ],
    ],
    [
      'a host that is another way to write one that is taken',
      { DRYDOCK_REGISTRY_URL: 'https://index.docker.io', DRYDOCK_CONFIG: '/etc/aliases.yml' },
      [/docker\.io is an alias of hub\.docker\.com, and the name of another/],
    ],
    ['an alias that is no host', { DRYDOCK_CONFIG: '/etc/no-aliases.yml' }, [/0: aliases: "corp" cannot be the host/]],
    [
      'an alias of the environment that is no host',
      { DRYDOCK_REGISTRY_URL: 'http://localhost:5000', DRYDOCK_REGISTRY_ALIASES: 'corp' },
      [/^DRYDOCK_REGISTRY_ALIASES: "corp" cannot/],
    ],
    ['aliases of no registry', { DRYDOCK_REGISTRY_ALIASES: 'a.org' }, [/^DRYDOCK_REGISTRY_ALIASES: needs/]],
    ['a number of requests that is none', { DRYDOCK_CONFIG: '/etc/watched.yml' }, [/0: perMinute/]],
    ['a host with blanks', { DRYDOCK_WATCH: 'a b' }, [/^DRYDOCK_WATCH: must be a list of hosts/]],
    ['no interval', { DRYDOCK_WATCH_INTERVAL: '0' }, [/^DRYDOCK_WATCH_INTERVAL: must be a whole number from 1/]],
  ])('%s is a fault', (_, env, wanted) => {
    expect(faultsOf(env)).toEqual(wanted.map((fault) => expect.stringMatching(fault)))
  })

  test.each([
    ['*', ['*']],
    ['', []],
    ['quay.io, *.Corp.example,index.docker.io', ['quay.io', '*.corp.example', 'docker.io']],
  ])('DRYDOCK_WATCH=%j', (text, globs) => {
    expect(load({ DRYDOCK_WATCH: text }).watch).toEqual(globs)
  })
})
