import { describe, expect, it } from '@jest/globals'
import { buildKey } from '../../src/build/key.ts'
import { Recipe } from '../../src/build/recipe.ts'

const recipe = Recipe.parse({
  git: { url: 'https://git.example/a', ref: 'main' },
  args: { A: '1', B: '2' },
  tags: ['x', 'y'],
})
const bases = [
  { name: 'h/a:1', content: 'one' },
  { name: 'h/b:1', content: 'two' },
]
const key = buildKey({ recipe, bases })

describe('the key of a build', () => {
  it('does not depend on order, nor on what leaves the result as it is', () => {
    const shuffled = { ...recipe, args: { B: '2', A: '1' }, tags: ['y', 'x'] }
    expect(buildKey({ recipe: shuffled, bases: [...bases].reverse() })).toBe(key)
    const elsewhere = { ...recipe, auto: true, on: 'all' as const, git: { ...recipe.git!, credential: 'ci' } }
    expect(buildKey({ recipe: elsewhere, bases })).toBe(key)
  })

  it.each([
    ['a base moved', recipe, [bases[0]!, { name: 'h/b:1', content: 'three' }]],
    ['a base went', recipe, [bases[0]!, { name: 'h/b:1', content: null }]],
    ['an argument', { ...recipe, args: { A: '1', B: '3' } }, bases],
    ['the source', { ...recipe, git: { ...recipe.git!, ref: 'next' } }, bases],
    ['the strategy', { ...recipe, strategy: 'rebase' as const }, bases],
    ['a platform', { ...recipe, platforms: ['linux/arm64'] }, bases],
  ])('differs where %s differs', (_name, other, otherBases) => {
    expect(buildKey({ recipe: other, bases: otherBases })).not.toBe(key)
  })
})
