import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  canonicalHosts,
  canonicalRef,
  formatReference,
  isHost,
  isRepository,
  isTagName,
  namespaceOf,
  normaliseHost,
  parseReference,
  tagRef,
} from '../../src/oci/reference.ts'

const digest = `sha256:${'a'.repeat(64)}`
const said = (text: string, host?: string) => {
  const reference = parseReference(text, host)
  return reference && formatReference(reference)
}

describe('a reference is resolved as a Docker client does', () => {
  test.each([
    ['debian', 'docker.io/library/debian:latest'],
    ['debian:12', 'docker.io/library/debian:12'],
    ['grafana/loki', 'docker.io/grafana/loki:latest'],
    ['docker.io/debian', 'docker.io/library/debian:latest'],
    ['index.docker.io/library/debian:12', 'docker.io/library/debian:12'],
    ['registry-1.docker.io/debian', 'docker.io/library/debian:latest'],
    ['Docker.IO/library/debian', 'docker.io/library/debian:latest'],
    ['localhost/a', 'localhost/a:latest'],
    ['localhost:5000/a:1', 'localhost:5000/a:1'],
    ['LOCALHOST:5000/a:1', 'localhost:5000/a:1'],
    ['Registry.Example.ORG/a/b:V1', 'registry.example.org/a/b:V1'],
    ['Registry/a:1', 'REGISTRY/a:1'],
    ['registry:443/a', 'registry:443/a:latest'],
    ['[::1]:5000/a:1', '[::1]:5000/a:1'],
    ['[FE80::1]/a', '[fe80::1]/a:latest'],
    ['192.168.0.1/a', '192.168.0.1/a:latest'],
    [`debian@${digest}`, `docker.io/library/debian@${digest}`],
    [`debian:12@${digest}`, `docker.io/library/debian:12@${digest}`],
    [`localhost:5000/a/b__c--d:1.0_x-y@${digest}`, `localhost:5000/a/b__c--d:1.0_x-y@${digest}`],
    ['  debian ', 'docker.io/library/debian:latest'],
  ])('%s', (text, canonical) => {
    expect(said(text)).toBe(canonical)
  })

  test('where no host is written, another may stand in', () => {
    expect(said('lib/base:1', 'localhost:5000')).toBe('localhost:5000/lib/base:1')
    expect(said('base', 'localhost:5000')).toBe('localhost:5000/base:latest')
    expect(said('docker.io/base', 'localhost:5000')).toBe('docker.io/library/base:latest')
  })
})

describe('what is no reference', () => {
  test.each([
    [''],
    [' '],
    ['Debian'],
    ['debian:'],
    [':12'],
    ['debian:-x'],
    ['debian/'],
    ['/debian'],
    ['a//b'],
    ['a/./b'],
    ['../a'],
    ['a__' + '_b'],
    ['a..b'],
    ['a b'],
    ['a:1:2'],
    ['débian'],
    ['debian:ü'],
    ['例え.jp/a:1'],
    ['аpp:1'], // a Cyrillic а
    ['debian\n:1'],
    ['debian\0'],
    [`debian@${digest}@${digest}`],
    ['debian@sha256:abc'],
    ['debian@latest'],
    ['https://docker.io/library/debian'],
    ['user@host/a'],
    ['host:port/a'],
    ['host:/a'],
    ['-host.x/a'],
    ['a..b/c'],
    ['a.-b/c'],
    ['host:123456/a'],
    ['f'.repeat(64)],
    ['[::1/a'],
    ['[::g]/a'],
    ['a.b/'],
    ['localhost:5000'.concat('/')],
    [`debian:${'t'.repeat(129)}`],
  ])('%j', (text) => {
    expect(parseReference(text)).toBeNull()
  })
})

test('a repository has at most 255 characters, a tag 128', () => {
  const name = (length: number) => `x/${'a'.repeat(length - 2)}`
  expect(said(`localhost:5000/${name(255)}:1`)).toBe(`localhost:5000/${name(255)}:1`)
  expect(said(`localhost:5000/${name(256)}:1`)).toBeNull()
  expect(said(`a:${'t'.repeat(128)}`)).not.toBeNull()
})

const component = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,5}$/), { minLength: 1, maxLength: 3 })
  .chain((parts) => fc.constantFrom('.', '_', '__', '-', '--').map((separator) => parts.join(separator)))
const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const host = fc.oneof(
  fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\.[a-z]{2,5}$/),
  fc.integer({ min: 1, max: 65535 }).map((port) => `localhost:${port}`),
  fc.ipV4(),
  fc.stringMatching(/^[A-Z]{1,5}$/),
  fc
    .tuple(
      fc.ipV6().filter((ip) => !ip.includes('.')),
      fc.integer({ min: 1, max: 65535 }),
    )
    .map(([ip, port]) => `[${ip}]:${port}`),
)
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/)

describe('for all references', () => {
  test('the canonical form is its own canonical form', () => {
    const text = fc.tuple(fc.option(host), repository, fc.option(tag), fc.boolean()).map(([h, r, t, pinned]) => {
      return `${h === null ? '' : `${h}/`}${r}${t === null ? '' : `:${t}`}${pinned ? `@${digest}` : ''}`
    })
    fc.assert(
      fc.property(text, (written) => {
        const once = said(written)
        expect(once).not.toBeNull()
        expect(said(once!)).toBe(once)
      }),
    )
  })

  test('host, repository and tag come back as they went in', () => {
    fc.assert(
      fc.property(host, repository, tag, (h, r, t) => {
        const name = normaliseHost(h)
        expect(parseReference(tagRef(h, r, t))).toEqual({
          host: name,
          repository: name === 'docker.io' && !r.includes('/') ? `library/${r}` : r,
          tag: t,
          digest: null,
        })
      }),
    )
  })

  test('any text at all gives a reference within the grammar, or none; never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), (text) => {
        const reference = parseReference(text)
        if (reference === null) return
        expect(isRepository(reference.repository)).toBe(true)
        expect(reference.tag === null || isTagName(reference.tag)).toBe(true)
        expect(reference.tag !== null || reference.digest !== null).toBe(true)
        expect(formatReference(reference)).toMatch(/^[\x21-\x7e]+$/)
        expect(reference.host).toBe(normaliseHost(reference.host))
      }),
      { numRuns: 1000 },
    )
  })
})

test.each([
  ['debian', '_'],
  ['lib/base', 'lib'],
  ['a/b/c', 'a'],
])('the namespace of %s', (name, namespace) => {
  expect(namespaceOf(name)).toBe(namespace)
})

describe('a registry under several hosts', () => {
  const canonical = canonicalHosts([
    { name: 'registry.example.org', aliases: ['hub.corp:5000', 'localhost:5000'] },
    { name: 'docker.io', aliases: ['mirror.corp'] },
    { name: 'other.example.org' },
  ])

  test.each([
    ['registry.example.org', 'registry.example.org'],
    ['hub.corp:5000', 'registry.example.org'],
    ['HUB.corp:5000', 'registry.example.org'],
    ['hub.corp', 'hub.corp'],
    ['mirror.corp', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['other.example.org', 'other.example.org'],
    ['quay.io', 'quay.io'],
  ])('%s is %s', (host, name) => {
    expect(canonical(host)).toBe(name)
  })

  test('a reference keeps all but its host', () => {
    expect(canonicalRef(canonical, 'hub.corp:5000/lib/base:1')).toBe('registry.example.org/lib/base:1')
    expect(canonicalRef(canonical, 'quay.io/lib/base:1')).toBe('quay.io/lib/base:1')
  })

  test('a host is what a reference can begin with', () => {
    expect(['hub.corp', 'localhost', 'a:1', '[::1]', 'quay.io'].every(isHost)).toBe(true)
    expect(['corp', 'HUB.corp', 'index.docker.io', 'a/b', '', 'a..b'].some(isHost)).toBe(false)
  })
})
