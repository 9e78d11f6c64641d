import { describe, expect, it, test } from '@jest/globals'
import fc from 'fast-check'
import { backOffMs, createFailure } from '../../../src/build/machines/create-failure.ts'
import { driverSecrets } from '../../../src/build/machines/driver-secrets.ts'
import { isOurs, machineName } from '../../../src/build/machines/machine-name.ts'
import { createArgs, insecureRegistries, profileFor } from '../../../src/build/machines/profile.ts'

const profile = (driver: string) => ({ driver, options: [], pool: 0 })

describe('a name', () => {
  test('is ours, and nobody else’s, and fits what clouds take', () =>
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{6}$/), fc.uint8Array({ minLength: 8, maxLength: 8 }), (own, random) => {
        const name = machineName(own, random)
        expect(name).toMatch(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])$/)
        expect(isOurs(own, name)).toBe(true)
        expect(isOurs(own === '000000' ? '000001' : '000000', name)).toBe(false)
      }),
    ))
  test.each([
    'drydock-abcdef-',
    'drydock-abcdef-1',
    'drydock-abcdef',
    'default',
    'xdrydock-abcdef-0123456789abcdef',
    'drydock-abcdef-0123456789abcdeX',
  ])('%s is not', (name) => expect(isOurs('abcdef', name)).toBe(false))
})

describe('the profile', () => {
  const settings = {
    profiles: { default: profile('aws'), big: profile('gce') },
    namespaces: { ml: 'big', web: 'gone' },
  }
  test.each([
    ['of the recipe first', 'default', 'ml', 'default'],
    ['else of the namespace', undefined, 'ml', 'big'],
    ['else the default', undefined, 'app', 'default'],
  ])('%s', (_, asked, namespace, name) => expect(profileFor(settings, asked, namespace)?.name).toBe(name))
  test.each([
    ['huge', 'app'],
    [undefined, 'web'],
    ['constructor', 'app'],
    ['__proto__', 'app'],
  ])('unknown: %s in %s', (asked, namespace) => expect(profileFor(settings, asked, namespace)).toBeNull())
  test('the arguments end with the name, and hold an option as one word', () =>
    expect(createArgs({ driver: 'd', options: ['--a', 'b c; rm -rf /'] }, ['r:5000'], 'n')).toEqual([
      'create',
      '--driver',
      'd',
      '--engine-insecure-registry',
      'r:5000',
      '--a',
      'b c; rm -rf /',
      'n',
    ]))
  test('registries without good TLS are named to the daemon, but loopback is known to it', () =>
    expect(
      insecureRegistries([
        { name: 'a.example', url: 'https://a.example', insecure: false },
        { name: 'b.example:5000', url: 'http://b.example:5000', insecure: true, aliases: ['c.example'] },
        { name: 'd.example', url: 'https://d.example', insecure: true },
        { name: 'localhost:5000', url: 'http://localhost:5000', insecure: false },
        { name: '127.0.0.1:5000', url: 'http://127.0.0.1:5000', insecure: false },
      ]),
    ).toEqual(['b.example:5000', 'c.example', 'd.example']))
})

describe('a creation that failed', () => {
  test.each([
    ['Error launching instance: InstanceLimitExceeded: Your quota allows for 0 more running instance(s).'],
    ['VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 32 allows'],
    ['InsufficientInstanceCapacity: We currently do not have sufficient m5.large capacity'],
    ["googleapi: Error 403: Quota 'CPUS' exceeded. Limit: 24.0 in region europe-west1., quotaExceeded"],
    ['Operation error: {QUOTA_EXCEEDED  [] Quota N2_CPUS exceeded}'],
    ['ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS'],
    ['Code="QuotaExceeded" Message="..."'],
    [
      'Code="OperationNotAllowed" Message="Operation could not be completed as it results in exceeding approved standardDSv3Family Cores quota."',
    ],
    ['422 creating this/these droplet(s) will exceed your droplet limit'],
    ['server limit reached (resource_limit_exceeded)'],
    [
      '{"forbidden": {"message": "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances", "code": 403}}',
    ],
    ['Account Limit reached. Please open a support ticket.'],
    ['InsufficientFreeAddressesInSubnet: There are not enough free addresses in subnet'],
    ['Throttling: Rate exceeded status code: 400'],
    ['{"id":"too_many_requests","message":"429 Too Many Requests"}'],
  ])('is waited out: %s', (text) => expect(createFailure(`Running pre-create checks...\n${text}`)).toBe('quota'))
  test.each([
    'flag provided but not defined: -amazonec2-regoin',
    'Error loading driver "foo": Driver "foo" not found. Do you have the plugin binary "docker-machine-driver-foo" accessible in your PATH?',
    'Error setting machine configuration from flags provided: digitalocean driver requires the --digitalocean-access-token option',
    'Error setting machine configuration from flags provided: --url option is required when no driver is selected',
    'Invalid command line. Found extra arguments [drydock-abcdef-0123456789abcdef]',
  ])('is not tried again: %s', (text) => expect(createFailure(text)).toBe('settings'))
  test.each([
    'Error creating machine: Error in driver during machine creation: Too many retries waiting for SSH to be available.',
    'Code="OperationNotAllowed" Message="The VM is not allowed in this region"',
    'dial tcp: i/o timeout',
    'Error setting machine configuration from flags provided: RequestError: send request failed',
    'AuthFailure: AWS was not able to validate the provided access credentials',
    '',
  ])('is tried again: %s', (text) => expect(createFailure(text)).toBe('other'))
  it('waits longer each time, up to a limit', () =>
    expect([1, 2, 3, 4, 5, 100].map((n) => backOffMs(n, 5000, 60_000))).toEqual([
      5000, 10000, 20000, 40000, 60000, 60000,
    ]))
})

describe('what is hidden', () => {
  test('values of flags and variables that speak of a secret', () =>
    expect(
      driverSecrets(
        ['--x-secret-key', 'abcdefg', '--x-token=tokentoken', '--x-region', 'eu-1', '--x-use-token', 'true'],
        {
          AWS_SECRET_ACCESS_KEY: 'fromenv1',
          PATH: '/usr/bin',
          GIT_AUTHOR_NAME: 'someone',
        },
      ),
    ).toEqual(['abcdefg', 'tokentoken', 'fromenv1']))
})
