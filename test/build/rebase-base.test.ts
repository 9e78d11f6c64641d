import { describe, expect, it } from '@jest/globals'
import { chooseBase } from '../../src/build/rebase-base.ts'

const row = (ref: string | null, more: Partial<{ digest: string; role: string; pinned: boolean }> = {}) => ({
  ref,
  digest: 'sha256:a',
  role: 'runtime',
  pinned: false,
  ...more,
})
const one = (...bases: ReturnType<typeof row>[]) => [{ bases }]

describe('the base of a rebase', () => {
  it('is the one name the verdict gives, with its digest', () => {
    const platforms = one(row('h/b:1'), row('h/tool:1', { role: 'build' }), row(null))
    expect(chooseBase(null, platforms)).toEqual({ name: 'h/b:1', oldDigest: 'sha256:a' })
  })

  it("is the recipe's own, whatever else could be", () => {
    const platforms = one(row('h/b:1'), row('h/c:1', { digest: 'sha256:c', pinned: true }))
    expect(chooseBase('h/c:1', platforms)).toEqual({ name: 'h/c:1', oldDigest: 'sha256:c' })
    expect(chooseBase('h/d:1', platforms)).toEqual({ name: 'h/d:1', oldDigest: null })
  })

  it.each([
    ['several names', one(row('h/b:1'), row('h/c:1')), 'ambiguous-base'],
    ['no name', one(row(null)), 'base-unnamed'],
    ['a tag that was never judged', [], 'base-unnamed'],
    ['a pinned base', one(row('h/b:1', { pinned: true })), 'base-pinned'],
  ])('is refused for %s', (_name, platforms, code) => {
    expect(() => chooseBase(null, platforms)).toThrow(expect.objectContaining({ code }))
  })
})
