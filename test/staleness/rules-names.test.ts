import { describe, expect, test } from '@jest/globals'
import { estate, layer } from '../support/estate.ts'

const story = () => {
  const e = estate()
  const base = e.build([layer('os')])
  e.push('base:1', base)
  return { e, base, next: () => e.build([layer(`os ${e.now()}`)]) }
}

/** lineage.md, "Inferred names". */
describe('inferred names', () => {
  test('those that were at the content between the build and the push, in any repository', () => {
    const { e, base, next } = story()
    e.push('other/base:2', base)
    e.push('base:1', next())
    const built = e.now() + 0.5
    e.push('late/base:3', base)
    e.push('app:1', e.from(base, [layer('app')], { created: built }))
    expect(e.bases('app:1')).toEqual(['late/base:3', 'other/base:2'])
  })

  test('none then: those that left it last before', () => {
    const { e, base, next } = story()
    e.push('base:2', base)
    e.push('base:1', next())
    e.push('base:2', next())
    e.push('app:1', e.from(base, [layer('app')]))
    expect(e.bases('app:1')).toEqual(['base:2'])
    expect(e.blames('app:1')).toEqual(['base:2'])
  })

  test('none before either: those that came to it first after', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('app:1', e.from(base, [layer('app')]))
    e.push('base:1', base)
    e.push('base:2', base)
    expect(e.bases('app:1')).toEqual(['base:1'])
  })

  test.each([
    ['after its own push', 10_000],
    ['before the base was there', 1],
  ])('`created` %s cannot be: its push counts instead', (_, created) => {
    const { e, base, next } = story()
    e.push('base:2', base)
    e.push('base:1', next())
    e.push('app:1', e.from(base, [layer('app')], { created }))
    expect(e.bases('app:1')).toEqual(['base:2'])
  })

  test('no tag is a candidate for itself, also where it was at its base before', () => {
    const { e, base } = story()
    e.push('app:1', base)
    e.push('app:1', e.from(base, [layer('app')]))
    expect(e.bases('app:1')).toEqual(['base:1'])
    e.remove('base:1')
    expect(e.verdict('app:1')).toMatchObject({ status: 'current', because: [] })
    expect(e.bases('app:1')).toEqual([])
  })

  test('an ancestor that was never tagged is passed over', () => {
    const { e, base, next } = story()
    const between = e.from(base, [layer('between')])
    e.pushUntagged(between)
    e.push('app:1', e.from(between, [layer('app')]))
    expect(e.bases('app:1')).toEqual(['base:1'])
    e.push('base:1', next())
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('a tag of its own repository can well be its base', () => {
    const { e, base, next } = story()
    e.push('base:1-tools', e.from(base, [layer('tools')]))
    e.push('base:1', next())
    expect(e.blames('base:1-tools')).toEqual(['base:1'])
  })

  test('a name that lost the platform is no reason to pass on: it exists', () => {
    const e = estate()
    const amd = e.build([layer('os')])
    const arm = e.build([layer('os-arm')], { platform: 'linux/arm64' })
    e.push('base:1', e.index(amd, arm))
    e.push('app:1', e.from(arm, [layer('app')], { platform: 'linux/arm64' }))
    e.push('base:1', amd)
    expect(e.verdict('app:1').because).toMatchObject([{ reason: 'platform-absent', base: e.full('base:1') }])
  })
})

describe('first seen by reconcile', () => {
  test('a tag first seen so may be based on whatever was ever there', () => {
    const { e, base, next } = story()
    e.push('base:1', next())
    e.push('base:2', base)
    e.find('app:1', e.from(base, [layer('app')]))
    expect(e.bases('app:1')).toEqual(['base:1', 'base:2'])
    expect(e.verdict('app:1').causes).toMatchObject([{ base: e.full('base:1'), confidence: 'ambiguous' }])
  })

  test('a base first seen so is taken to have been there before', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('other:1', base)
    e.push('other:1', e.build([layer('os 2')]))
    e.push('app:1', e.from(base, [layer('app')]))
    e.find('base:1', base)
    expect(e.bases('app:1')).toEqual(['base:1'])
  })
})

describe('never its own cause', () => {
  test('a name that went on to something between its old content and T has not moved for T', () => {
    const { e, base } = story()
    const patched = e.from(base, [layer('patch')])
    const app = e.from(patched, [layer('app')])
    e.declare(app, 'annotation', { name: 'base:1', digest: e.digest(base) })
    e.push('app:1', app)
    e.push('base:1', patched)
    expect(e.blames('app:1')).toEqual([])
  })

  test('a name that went on to T itself has not moved for T', () => {
    const { e, base } = story()
    const app = e.from(base, [layer('app')])
    e.push('app:1', app)
    e.push('base:1', app)
    expect(e.blames('app:1')).toEqual([])
  })
})
