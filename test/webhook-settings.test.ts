import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../src/config.ts'

const account = 'drydock@my-project.iam.gserviceaccount.com'
const load = (yaml: string, env: Record<string, string> = {}) =>
  loadSettings(
    { HOME: '/home/me', DRYDOCK_CONFIG: '/etc/drydock.yml', ...env },
    (path) => {
      const content = { '/etc/drydock.yml': yaml, '/run/token': 'from-a-file-that-is-long\n' }[path]
      if (content === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
      return content
    },
    1000,
  )
const faultsOf = (yaml: string, env: Record<string, string> = {}): readonly string[] => {
  try {
    load(yaml, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}
const registry = (webhook: string, more = '') => `registries: [{url: "https://a.org", ${more}webhook: ${webhook}}]`

describe('what webhooks in other formats need', () => {
  test("a registry's own token for addresses, itself or as a file", () => {
    expect(load(registry('{urlToken: one-that-is-long-enough}')).registries[0]?.webhook).toEqual({
      urlToken: 'one-that-is-long-enough',
    })
    expect(load(registry('{urlTokenFile: /run/token}')).registries[0]?.webhook).toEqual({
      urlToken: 'from-a-file-that-is-long',
    })
  })

  test("Google's issuer and keys need not be said", () => {
    expect(
      load(registry(`{google: {serviceAccount: ${account}, audience: "https://d.org"}}`)).registries,
    ).toMatchObject([
      {
        webhook: {
          google: {
            ...{ serviceAccount: account, audience: 'https://d.org', issuer: 'https://accounts.google.com' },
            keysUrl: 'https://www.googleapis.com/oauth2/v3/certs',
          },
        },
      },
    ])
  })

  test('the common token for addresses', () => {
    const env = { DRYDOCK_WEBHOOK_URL_TOKEN: 'one-that-is-long-enough' }
    expect(load('registries: []', env).webhookUrlToken).toBe('one-that-is-long-enough')
    expect(load('registries: []').webhookUrlToken).toBeNull()
  })

  test.each<[string, string, Record<string, string>, string[]]>([
    [
      'a short one, and one with a blank',
      'registries: [{url: "https://a.org", webhook: {urlToken: short}}, {url: "https://b.org", webhook: {urlToken: "one that is long enough"}}]',
      {},
      [0, 1].map(
        (i) =>
          `DRYDOCK_CONFIG: registries: ${i}: webhook: urlToken: must be at least 16 characters of printable ASCII without blanks`,
      ),
    ],
    [
      'both a token and its file',
      registry('{urlToken: one-that-is-long-enough, urlTokenFile: /run/token}'),
      {},
      ['DRYDOCK_CONFIG: registries: 0: webhook: urlToken and urlTokenFile are both set'],
    ],
    [
      'a file that is not there',
      registry('{urlTokenFile: /run/nothing}'),
      {},
      ['DRYDOCK_CONFIG: registries: 0: webhook: urlTokenFile: /run/nothing cannot be read (ENOENT)'],
    ],
    [
      'a registry that sends nothing',
      registry('{urlToken: one-that-is-long-enough}', 'watch: true, '),
      {},
      ['DRYDOCK_CONFIG: registries: 0: webhook: a registry with watch sends nothing'],
    ],
    [
      'keys that anybody could exchange on their way, and an account that is none',
      registry('{google: {serviceAccount: me, audience: a, keysUrl: "http://keys.org/"}}'),
      {},
      [
        'DRYDOCK_CONFIG: registries: 0: webhook: google: serviceAccount: must be the mail address of a service account',
        'DRYDOCK_CONFIG: registries: 0: webhook: google: keysUrl: must be an address that starts with https://',
      ],
    ],
    [
      'a secret of headers in an address',
      registry('{urlToken: own-and-long-enough}', 'webhookToken: own-and-long-enough, '),
      { DRYDOCK_WEBHOOK_TOKEN: 'common-and-long-enough', DRYDOCK_WEBHOOK_URL_TOKEN: 'common-and-long-enough' },
      [
        'DRYDOCK_WEBHOOK_URL_TOKEN: must be another token than those that go into headers',
        'DRYDOCK_CONFIG: registry a.org: webhook: urlToken: must be another token than those that go into headers',
      ],
    ],
    [
      'a short common one',
      'registries: []',
      { DRYDOCK_WEBHOOK_URL_TOKEN: 'short' },
      ['DRYDOCK_WEBHOOK_URL_TOKEN: must have at least 16 characters'],
    ],
  ])('%s: said at the start', (_, yaml, env, faults) => {
    expect(faultsOf(yaml, env)).toEqual(faults)
  })
})
