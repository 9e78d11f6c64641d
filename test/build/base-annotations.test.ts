import { describe, expect, it } from '@jest/globals'
import { baseAnnotations, sourceAnnotations } from '../../src/build/base-annotations.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'

const digest = `sha256:${'a'.repeat(64)}` as Digest

describe('what a manifest says of where it came from', () => {
  it.each([
    ['h.io/lib/base:1', 'h.io/lib/base:1'],
    ['debian', 'docker.io/library/debian:latest'],
    [`h.io/lib/base:1@${digest}`, `h.io/lib/base:1@${digest}`],
    [`h.io/lib/base@${digest}`, `h.io/lib/base@${digest}`],
  ])('FROM %s is named %s', (from, name) => {
    expect(baseAnnotations({ reference: parseReference(from)!, digest })).toEqual({
      'org.opencontainers.image.base.name': name,
      'org.opencontainers.image.base.digest': digest,
    })
  })
  it('says nothing of a base from scratch', () => expect(baseAnnotations(null)).toEqual({}))

  it.each([
    ['https://git.example/a/b.git', 'https://git.example/a/b.git'],
    ['https://user:secret@git.example:8443/a/b.git', 'https://git.example:8443/a/b.git'],
    ['ssh://git@git.example/a/b', 'ssh://git.example/a/b'],
    ['git@git.example:a/b.git', 'git.example:a/b.git'],
    ['https://git.example/a?token=secret#x', 'https://git.example/a'],
  ])('the source %s without its user is %s', (url, source) => {
    expect(sourceAnnotations(url, 'abc')).toEqual({
      'org.opencontainers.image.source': source,
      'org.opencontainers.image.revision': 'abc',
    })
  })
  it('names no local path', () => {
    expect(sourceAnnotations('file:///srv/a.git', 'abc')).toEqual({ 'org.opencontainers.image.revision': 'abc' })
  })
})
