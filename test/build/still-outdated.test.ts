import { describe, expect, it } from '@jest/globals'
import { stillOutdated } from '../../src/build/still-outdated.ts'
import type { Digest } from '../../src/oci/digest.ts'

const a = `sha256:${'a'.repeat(64)}` as Digest
const b = `sha256:${'b'.repeat(64)}` as Digest
const built = [{ name: 'h/base:1', digest: a, role: 'runtime' as const, pinned: false }]
const cause = { base: 'h/base:1', toDigest: a, via: null, counted: true }

describe('a build that did not help', () => {
  it.each([
    ['nothing is left', [], { kind: 'manual' as const }, false],
    ['outdated by the very content it was built on', [cause], { kind: 'manual' as const }, true],
    [
      'the base moved on meanwhile',
      [{ ...cause, toDigest: b }],
      { kind: 'base-moved' as const, base: 'h/base:1', to: a },
      false,
    ],
    [
      'the base is itself outdated',
      [{ ...cause, via: 'h/base:1', base: 'h/root:1' }],
      { kind: 'manual' as const },
      false,
    ],
    ['the cause is not counted', [{ ...cause, counted: false }], { kind: 'manual' as const }, false],
    [
      'another base that the Dockerfile never names',
      [{ ...cause, base: 'h/o:1', toDigest: b }],
      { kind: 'base-moved' as const, base: 'h/o:1', to: b },
      true,
    ],
    [
      'something that came up only now',
      [{ ...cause, base: 'h/o:1', toDigest: b }],
      { kind: 'base-moved' as const, base: 'h/base:1', to: a },
      false,
    ],
  ])('%s', (_name, causes, reason, expected) => {
    expect(stillOutdated(causes, built, reason) !== null).toBe(expected)
  })
})
