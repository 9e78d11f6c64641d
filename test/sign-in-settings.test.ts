import { expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../src/config.ts'

const files: Record<string, string> = { '/secret': 'from a file\n' }
const load = (said: object) =>
  loadSettings({ DRYDOCK_CONFIG: 'c' }, (path) => (path === 'c' ? JSON.stringify(said) : files[path]!), 0)
const faults = (said: object): readonly string[] => {
  try {
    load(said)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}
const least = { issuer: 'https://id.example/realms/main', clientId: 'drydock' }

test('without a word of it: no provider, and proxies on loopback alone', () => {
  expect([load({}).oidc, load({}).trustedProxies]).toEqual([null, ['loopback']])
})

test('defaults; the secret from a file', () => {
  expect(
    load({ oidc: { ...least, clientSecretFile: '/secret' }, signIn: { trustedProxies: ['10.0.0.0/8'] } }),
  ).toMatchObject({
    oidc: {
      ...{ ...least, clientSecret: 'from a file', usernameClaim: 'preferred_username', groupsClaim: 'groups' },
      ...{ adminGroup: null, autoCreate: false, scopes: ['openid', 'profile'] },
    },
    trustedProxies: ['10.0.0.0/8'],
  })
  expect(load({ oidc: { ...least, issuer: 'http://127.0.0.1:1' } }).oidc?.clientSecret).toBeNull()
})

test.each<[string, object, RegExp]>([
  [
    'plain http elsewhere',
    { oidc: { ...least, issuer: 'http://id.example' } },
    /^DRYDOCK_CONFIG: oidc: issuer: plain http/,
  ],
  ['no address', { oidc: { ...least, issuer: 'id.example' } }, /oidc: issuer: must be an address/],
  ['an account in it', { oidc: { ...least, issuer: 'https://a:b@id.example' } }, /oidc: issuer: must have no account/],
  ['an address as the name', { oidc: { ...least, usernameClaim: 'email' } }, /oidc: usernameClaim: an e-mail address/],
  ['two secrets', { oidc: { ...least, clientSecret: 's', clientSecretFile: '/secret' } }, /oidc: clientSecret and/],
  ['an unknown field', { oidc: { ...least, secret: 's' } }, /oidc: .*secret/],
  ['no network', { signIn: { trustedProxies: ['everybody'] } }, /signIn: trustedProxies: 0: must be an address/],
])('%s is a fault', (_, said, fault) => {
  expect(faults(said)).toEqual([expect.stringMatching(fault)])
})
