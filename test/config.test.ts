import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../src/config.ts'
import { settings, settingsTable } from '../src/settings.ts'

const files: Record<string, string> = {
  '/run/key': 'a key of sixteen or more\n',
  '/run/password': 'from a file\n',
  '/run/empty': '\n',
  '/etc/ca.pem': '-----BEGIN CERTIFICATE-----\n',
  '/etc/two.yml': `registries:
  - {name: registry.example.org, url: "https://registry.example.org", username: me, passwordFile: /run/password, webhookToken: one}
  - {name: "localhost:5000", url: "http://127.0.0.1:5000/", caFile: /etc/ca.pem, webhookToken: two}
`,
  '/etc/bad.yml': `registries:
  - {url: "http://elsewhere:5000", colour: blue}
policies: []
`,
  '/etc/worse.yml': 'registries: [',
  '/etc/twice.yml': 'registries: [{url: "http://localhost:5000"}]',
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

describe('with nothing set', () => {
  test('the defaults are those of the table', () => {
    expect(load({})).toEqual({
      host: '127.0.0.1',
      port: 8080,
      publicUrl: 'http://127.0.0.1:8080',
      databaseUrl: null,
      dataDir: '/home/me/.local/share/drydock',
      secretKey: null,
      adminToken: null,
      webhookToken: null,
      webhookUrlToken: null,
      smtpUrl: null,
      mailFrom: 'drydock@localhost',
      notifyWindow: 300,
      settle: 30,
      reconcileInterval: 3600,
      clairUrl: null,
      oidc: null,
      scanner: false,
      stillOutdatedDays: 7,
      keepMails: 90,
      trustedProxies: ['loopback'],
      portus: null,
      portusRegistry: null,
      peopleSources: [],
      peopleInterval: 300,
      observe: false,
      builder: null,
      builderUrl: null,
      builderToken: null,
      buildWorkers: 2,
      machines: { most: 10, minutes: 120, tries: 3, profiles: {}, namespaces: {}, command: 'docker-machine' },
      builds: {
        approveOver: 200,
        windows: [],
        namespaces: {},
        timeouts: { host: 900, checkout: 900, build: 3600, push: 1800, cleanup: 120 },
      },
      channels: { allow: [] },
      gitProtocols: ['https', 'ssh'],
      registries: [],
      outside: [],
      watch: ['*'],
      watchInterval: 3600,
      logLevel: 'info',
      warnings: [],
    })
  })

  test.each([
    ['root', {}, 0, '/var/lib/drydock'],
    ['XDG_DATA_HOME', { XDG_DATA_HOME: '/data' }, 1000, '/data/drydock'],
    ['an empty XDG_DATA_HOME', { XDG_DATA_HOME: '' }, 1000, '/home/me/.local/share/drydock'],
    ['DRYDOCK_DATA_DIR', { DRYDOCK_DATA_DIR: '/mine' }, 0, '/mine'],
  ])('the data directory: %s', (_, env: Record<string, string>, uid, dir) => {
    expect(load(env, uid).dataDir).toBe(dir)
  })
})

describe('addresses', () => {
  test.each([
    [{ DRYDOCK_HOST: '0.0.0.0', DRYDOCK_PORT: '80' }, 'http://localhost:80'],
    [{ DRYDOCK_HOST: '::1' }, 'http://[::1]:8080'],
    [{ DRYDOCK_PUBLIC_URL: 'https://drydock.example.org/' }, 'https://drydock.example.org'],
  ])('%j is told as %s', (env: Record<string, string>, url) => {
    expect(load(env).publicUrl).toBe(url)
  })

  test('the sender is at the host of the public URL unless it is set', () => {
    expect(load({ DRYDOCK_PUBLIC_URL: 'https://d.example.org' }).mailFrom).toBe('drydock@d.example.org')
    expect(load({ MAIL_FROM: 'Dock <dock@example.org>' }).mailFrom).toBe('Dock <dock@example.org>')
  })

  test.each(['d@example.org', '<d@example.org>', 'Dry Dock <d@exämple.org>', '"Dock, Dry" <d@example.org>'])(
    'the sender may be %s',
    (from) => {
      expect(load({ MAIL_FROM: from }).mailFrom).toBe(from)
    },
  )

  test.each([
    ...[
      'a@b, c@d',
      'a@b.org,c@d.org',
      'a@b.org <c@d.org>',
      'Dock, Dry <d@example.org>',
      'a: b@c.org;',
      'dock',
      '<dock>',
    ],
    ...['d@example.org>', 'x <a@b.org> <c@d.org>', 'd@example.org\r\nBcc: e@example.org', 'Do\nck <d@example.org>'],
  ])('the sender may not be %j', (from) => {
    expect(faultsOf({ DRYDOCK_REGISTRY_URL: 'http://127.0.0.1:1', MAIL_FROM: from })).toEqual([
      expect.stringContaining('MAIL_FROM'),
    ])
  })
})

describe('registries', () => {
  test('one from the environment; its name is the URL’s host, Docker Hub’s as references have it', () => {
    const named = (env: Record<string, string>) => load(env).registries.map(({ name, url }) => [name, url])
    expect(named({ DRYDOCK_REGISTRY_URL: 'http://localhost:5000' })).toEqual([
      ['localhost:5000', 'http://localhost:5000'],
    ])
    expect(named({ DRYDOCK_REGISTRY_URL: 'https://registry-1.docker.io/' })).toEqual([
      ['docker.io', 'https://registry-1.docker.io'],
    ])
    expect(named({ DRYDOCK_REGISTRY_URL: 'http://127.0.0.1:5000', DRYDOCK_REGISTRY_NAME: 'localhost:5000' })).toEqual([
      ['localhost:5000', 'http://127.0.0.1:5000'],
    ])
  })

  test('several from a file, each with its own token, secrets from files', () => {
    expect(load({ DRYDOCK_CONFIG: '/etc/two.yml' }).registries).toEqual([
      {
        name: 'registry.example.org',
        url: 'https://registry.example.org',
        aliases: [],
        watch: false,
        username: 'me',
        password: 'from a file',
        insecure: false,
        webhookToken: 'one',
      },
      {
        name: 'localhost:5000',
        url: 'http://127.0.0.1:5000',
        aliases: [],
        watch: false,
        password: undefined,
        caFile: '/etc/ca.pem',
        insecure: false,
        webhookToken: 'two',
      },
    ])
  })

  test.each([
    ['plain http elsewhere', { DRYDOCK_REGISTRY_URL: 'http://r.example.org' }, /plain http/],
    ['a name that is no host', { DRYDOCK_REGISTRY_URL: 'https://registry' }, /cannot be the host/],
    ['a path', { DRYDOCK_REGISTRY_URL: 'http://localhost:5000/v2' }, /end after host/],
    ['an account in the URL', { DRYDOCK_REGISTRY_URL: 'https://me:word@r.example.org' }, /no account/],
    ['no URL', { DRYDOCK_REGISTRY_NAME: 'localhost:5000' }, /^DRYDOCK_REGISTRY_NAME: needs DRYDOCK_REGISTRY_URL/],
    ['a password alone', { DRYDOCK_REGISTRY_URL: 'http://localhost:1', DRYDOCK_REGISTRY_PASSWORD: 'x' }, /username/],
    [
      'certificates that are not there',
      { DRYDOCK_REGISTRY_URL: 'http://localhost:1', DRYDOCK_REGISTRY_CA_FILE: '/no' },
      /CA_FILE: \/no/,
    ],
    [
      'one twice',
      { DRYDOCK_REGISTRY_URL: 'http://localhost:5000', DRYDOCK_CONFIG: '/etc/twice.yml' },
      /two registries are called/,
    ],
    ['no YAML', { DRYDOCK_CONFIG: '/etc/worse.yml' }, /is no YAML/],
    ['no file', { DRYDOCK_CONFIG: '/etc/none.yml' }, /^DRYDOCK_CONFIG: \/etc\/none.yml cannot be read \(ENOENT\)/],
  ])('%s is a fault', (_, env: Record<string, string>, fault) => {
    expect(faultsOf(env)).toEqual([expect.stringMatching(fault)])
  })

  test('plain http elsewhere is allowed where it is asked for', () => {
    const env = { DRYDOCK_REGISTRY_URL: 'http://r.example.org', DRYDOCK_REGISTRY_INSECURE: 'true' }
    expect(load(env).registries).toEqual([expect.objectContaining({ insecure: true })])
  })

  test('what a file says that means nothing is named by its place', () => {
    const faults = faultsOf({ DRYDOCK_CONFIG: '/etc/bad.yml' }).join('\n')
    expect(faults).toMatch(/registries: 0: .*colour/)
    expect(faults).toMatch(/policies/)
  })
})

describe('secrets', () => {
  test('are read from a file without the newline at its end', () => {
    expect(load({ DRYDOCK_SECRET_KEY_FILE: '/run/key' }).secretKey).toBe('a key of sixteen or more')
  })

  test.each([
    [{ DRYDOCK_SECRET_KEY_FILE: '/run/none' }, /^DRYDOCK_SECRET_KEY_FILE: \/run\/none cannot be read/],
    [{ DRYDOCK_SECRET_KEY_FILE: '/run/empty' }, /is empty/],
    [{ DRYDOCK_SECRET_KEY_FILE: '/run/key', DRYDOCK_SECRET_KEY: 'another key of sixteen' }, /are both set/],
    [{ DATABASE_URL: 'postgres://localhost/d' }, /^DRYDOCK_SECRET_KEY: required/],
  ])('%j is a fault', (env: Record<string, string>, fault) => {
    expect(faultsOf(env)).toEqual([expect.stringMatching(fault)])
  })

  test('are in no message', () => {
    const secrets = {
      DATABASE_URL: 'mysql://me:hush1@h/d',
      DRYDOCK_SECRET_KEY: 'hush2',
      DRYDOCK_ADMIN_TOKEN: 'hush3 hush3',
      DRYDOCK_WEBHOOK_TOKEN: 'hush4 hush4',
      SMTP_URL: 'http://hush5@h',
      DRYDOCK_REGISTRY_URL: 'ftp://u:hush6@h',
    }
    const faults = faultsOf(secrets)
    expect(faults).toHaveLength(6)
    expect(faults.join('\n')).not.toMatch(/hush/)
  })
})

test('every fault is told at once', () => {
  const env = {
    DRYDOCK_PORT: '99999',
    DRYDOCK_SETTLE: '-1',
    DRYDOCK_NOTIFY_WINDOW: '1.5',
    DRYDOCK_OBSERVE: 'perhaps',
    DRYDOCK_BUILDER: 'podman',
    DRYDOCK_BUILD_WORKERS: '0',
    DRYDOCK_GIT_PROTOCOLS: 'https,ext',
    DRYDOCK_PUBLIC_URL: 'drydock.example.org',
    MAIL_FROM: 'nobody',
    PORTUS_URL: 'portus.example.org',
  }
  expect(faultsOf(env).map((fault) => fault.split(':')[0])).toEqual(
    expect.arrayContaining(Object.keys(env).map((name) => expect.stringMatching(`^${name}$`))),
  )
  expect(faultsOf(env)).toHaveLength(Object.keys(env).length)
})

test('a name nobody knows is a warning; those of the client and empty ones are none', () => {
  const env = { DRYDOCK_SETTEL: '1', DRYDOCK_URL: 'http://x', DRYDOCK_TOKEN: 't', DRYDOCK_ADMIN_TOKEN: '', HOME: '/' }
  expect(load(env).warnings).toEqual(['DRYDOCK_SETTEL: no such setting'])
})

test.each([
  ['http://builder.example.org:8080', true],
  ['http://10.0.0.7', true],
  ['https://builder.example.org', false],
  ['http://127.0.0.1:8080', false],
  ['http://localhost', false],
  ['http://[::1]:8080', false],
  ['docker', false],
])('a build service at %s is warned of, as its token goes there in clear: %s', (DRYDOCK_BUILDER, warned) => {
  const { warnings } = load({ DRYDOCK_BUILDER, DRYDOCK_BUILDER_TOKEN: 'a-token-of-both-sides' })
  expect(warnings.filter((text) => text.startsWith('DRYDOCK_BUILDER: plain http to '))).toHaveLength(warned ? 1 : 0)
  expect(warnings.join()).not.toContain('a-token-of-both-sides')
})

test('the table has a row for each setting', () => {
  const rows = settingsTable()
    .split('\n')
    .filter((row) => row.startsWith('| `'))
  expect(rows).toHaveLength(settings.length)
  for (const row of rows) expect(row.split(/(?<!\\)\|/)).toHaveLength(5)
})
