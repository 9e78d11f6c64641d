import { describe, expect, test } from '@jest/globals'
import { readCertDir, readConfig, readEnv } from '../../../src/build/machines/read-endpoint.ts'

const dir = '/root/.docker/machine/machines/m1'
const found = { DOCKER_HOST: 'tcp://192.168.99.100:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir }
const lines = (host: string, at = dir) => [
  '--tlsverify',
  `--tlscacert="${at}/ca.pem"`,
  `--tlscert="${at}/cert.pem"`,
  `--tlskey="${at}/key.pem"`,
  `-H=${host}`,
]

describe('config', () => {
  test('as 0.16 prints it, a flag a line', () =>
    expect(readConfig(`${lines(found.DOCKER_HOST).join('\n')}\n`)).toEqual(found))
  test('as older ones do, in one line', () => expect(readConfig(lines(found.DOCKER_HOST).join(' '))).toEqual(found))
  test('without quotes', () =>
    expect(readConfig(lines(found.DOCKER_HOST).join(' ').replaceAll('"', ''))).toEqual(found))
  test('a path with blanks and quotes', () =>
    expect(readConfig(lines(found.DOCKER_HOST, '/a b/\\"c\\"').join('\n'))?.DOCKER_CERT_PATH).toBe('/a b/"c"'))
  test('IPv6', () =>
    expect(readConfig(lines('tcp://[fd00::1]:2376').join('\n'))?.DOCKER_HOST).toBe('tcp://[fd00::1]:2376'))
  test.each([
    ['nothing', ''],
    ['no TLS', lines(found.DOCKER_HOST).slice(1).join('\n')],
    ['TLS that verifies nothing', lines(found.DOCKER_HOST).join('\n').replace('--tlsverify', '--tlsverify=false')],
    ['no address', lines(found.DOCKER_HOST).slice(0, -1).join('\n')],
    ['another kind of address', lines('unix:///var/run/docker.sock').join('\n')],
    ['an address that is more', lines('tcp://a:1/x').join('\n')],
    ['certificates in two places', lines(found.DOCKER_HOST).join('\n').replace(`${dir}/key`, '/tmp/key')],
    ['a relative path', lines(found.DOCKER_HOST, 'certs').join('\n')],
    ['other words', 'Error checking TLS connection: ...'],
  ])('%s is no endpoint', (_, text) => expect(readConfig(text)).toBeNull())
})

describe('env', () => {
  const text = Object.entries(found)
    .map(([name, value]) => `export ${name}="${value}"`)
    .join('\n')
  test('for bash', () =>
    expect(readEnv(`${text}\nexport DOCKER_MACHINE_NAME="m1"\n# Run this command…\n`)).toEqual(found))
  test.each([
    ['nothing', ''],
    ['no TLS', text.replace('export DOCKER_TLS_VERIFY="1"', '')],
    ['for another shell', text.replaceAll('export ', 'set -gx ')],
  ])('%s is no endpoint', (_, said) => expect(readEnv(said)).toBeNull())
})

describe('inspect', () => {
  const auth = { CaCertPath: '/s/certs/ca.pem', ClientCertPath: '/s/certs/cert.pem', ClientKeyPath: '/s/certs/key.pem' }
  const text = (options: object) => JSON.stringify({ HostOptions: { AuthOptions: options } })
  test('says where the certificates are', () => expect(readCertDir(text(auth))).toBe('/s/certs'))
  test.each([
    ['two places', text({ ...auth, ClientKeyPath: '/x/key.pem' })],
    ['nothing of it', '{}'],
    ['null', 'null'],
    ['no JSON', 'Error'],
  ])('%s', (_, said) => expect(readCertDir(said)).toBeNull())
})
