import type { LookupAddress, LookupAllOptions } from 'node:dns'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isOpen, makeReach } from '../../src/channels/reach.ts'

const config = (allow: string[] = []) => ({
  channels: { allow },
  publicUrl: 'https://drydock.example.org:8443',
  host: '10.1.2.3',
})
const fault = (url: string, allow: string[] = []) => makeReach(config(allow)).fault(new URL(url))

describe('an address', () => {
  test.each([
    ['loopback', '127.0.0.1'],
    ['loopback too', '127.99.0.1'],
    ['this host', '0.0.0.0'],
    ['private', '10.0.0.1'],
    ['private', '172.16.5.5'],
    ['private', '192.168.1.1'],
    ['carrier', '100.64.0.1'],
    ['metadata of Alibaba', '100.100.100.200'],
    ['metadata of most clouds', '169.254.169.254'],
    ['metadata of Azure', '168.63.129.16'],
    ['multicast', '224.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['reserved', '240.0.0.1'],
    ['protocols', '192.0.0.192'],
    ['benchmarks', '198.18.0.1'],
    ['documentation', '203.0.113.9'],
    ['loopback', '::1'],
    ['unspecified', '::'],
    ['mapped', '::ffff:127.0.0.1'],
    ['mapped', '::ffff:a9fe:a9fe'],
    ['compatible', '::7f00:1'],
    ['translated', '64:ff9b::10.0.0.1'],
    ['translated here', '64:ff9b:1::8.8.8.8'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
    ['unique local', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['link-local with its zone', 'fe80::1%lo'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['no address', 'localhost'],
  ])('%s: nothing is sent to %s', (_what, address) => expect(isOpen(address)).toBe(false))

  test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'])(
    'of the internet is open: %s',
    (address) => expect(isOpen(address)).toBe(true),
  )

  test('of this machine is not, whatever it is, however it is written', () => {
    expect(isOpen('8.8.8.8', ['8.8.8.8'])).toBe(false)
    expect(isOpen('::ffff:8.8.8.8', ['8.8.8.8'])).toBe(false)
    expect(isOpen('2606:4700:4700:0::1111', ['2606:4700:4700::1111'])).toBe(false)
  })

  test('an IPv4 address is as open within IPv6 as by itself', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect([isOpen(`::ffff:${address}`), isOpen(`64:ff9b::${address}`)]).toEqual([isOpen(address), isOpen(address)])
      }),
    )
  })
})

describe('what an owner sets', () => {
  test.each([
    'https://hooks.example.com/x',
    'https://hooks.example.com:8443/x?y=z',
    'https://8.8.8.8/x',
    'https://[2606:4700:4700::1111]/',
  ])('%s may be', (url) => expect(fault(url)).toBeNull())

  test.each([
    'http://hooks.example.com/x',
    'ftp://hooks.example.com/x',
    'file:///etc/passwd',
    'https://user:password@hooks.example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://drydock.example.org/v2/webhooks/events',
    'https://DRYDOCK.example.org.:8443/',
    'https://10.1.2.3/',
  ])('%s may not be', (url) => expect(fault(url)).not.toBeNull())

  test.each([
    ['http://chat.internal/hooks/1', ['chat.internal'], true],
    ['http://chat.internal:8065/hooks/1', ['*.internal'], true],
    ['http://chat.internal:8065/hooks/1', ['chat.internal:8065'], true],
    ['http://chat.internal:9999/hooks/1', ['chat.internal:8065'], false],
    ['https://10.0.0.9/x', ['10.0.0.*'], true],
    ['https://10.0.1.9/x', ['10.0.0.*'], false],
    ['http://[::1]:8080/x', ['::1'], true],
    ['http://a.internal.example.com/x', ['*.internal'], false],
    ['http://CHAT.internal/x', ['Chat.Internal'], true],
    ['ftp://chat.internal/x', ['chat.internal'], false],
  ])('%s, where %j are allowed: %s', (url, allow, may) => expect(fault(url, allow) === null).toBe(may))
})

/** A resolver that answers one list after another: as a name server would that means to get a request inside. */
const resolving = (...answers: LookupAddress[][]) => {
  let asked = 0
  const answer = () => answers[Math.min(asked++, answers.length - 1)]!
  const resolve = (_name: string, _o: LookupAllOptions, done: (error: null, found: LookupAddress[]) => void) =>
    done(null, answer())
  return resolve as unknown as NonNullable<Parameters<typeof makeReach>[1]>
}
const v4 = (address: string): LookupAddress => ({ address, family: 4 })
const found = (reach: ReturnType<typeof makeReach>, all: boolean) =>
  new Promise<unknown>((resolve) =>
    reach.lookup(new URL('https://hooks.example.com'))('hooks.example.com', { all }, (error, address) =>
      resolve(error && 'code' in error ? error.code : address),
    ),
  )

describe('a name', () => {
  test.each([true, false])('has the addresses that may be sent to, and no other (all of them: %s)', async (all) => {
    const mixed = makeReach(config(), resolving([v4('127.0.0.1'), v4('8.8.8.8'), v4('10.0.0.1')]))
    expect(await found(mixed, all)).toEqual(all ? [v4('8.8.8.8')] : '8.8.8.8')
    const inside = makeReach(config(), resolving([v4('127.0.0.1'), { address: '::ffff:10.0.0.1', family: 6 }]))
    expect(await found(inside, all)).toBe('channel-forbidden')
  })

  test('is judged at each connection: what was outside once may be inside now', async () => {
    const reach = makeReach(config(), resolving([v4('8.8.8.8')], [v4('127.0.0.1')]))
    expect([await found(reach, false), await found(reach, false)]).toEqual(['8.8.8.8', 'channel-forbidden'])
  })
})
