import { describe, expect, test } from '@jest/globals'
import { empty, estate, layer } from '../support/estate.ts'

const story = () => {
  const e = estate()
  const base = e.build([layer('os')])
  e.push('base:1', base)
  return { e, base }
}

describe('unknown', () => {
  test('a base on a registry nobody configured is unreachable, never outdated', () => {
    const { e, base } = story()
    const app = e.from(base, [layer('app')])
    e.declare(app, 'provenance', { name: 'docker.io/library/debian:12', digest: `sha256:${'1'.repeat(64)}` })
    e.push('app:1', app)
    e.push('base:1', e.build([layer('os2')]))
    expect(e.verdict('app:1')).toMatchObject({ status: 'unknown', causes: [] })
    expect(e.verdict('app:1').because).toMatchObject([
      { reason: 'base-unreachable', base: 'docker.io/library/debian:12' },
    ])
  })

  test('a declared name that was deleted leaves the judgement to layers, and the reason stays', () => {
    const { e, base } = story()
    e.push('gone:1', base)
    const app = e.from(base, [layer('app')])
    e.declare(app, 'annotation', { name: 'gone:1', digest: e.digest(base) })
    e.push('app:1', app)
    e.remove('gone:1')
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
    expect(e.verdict('app:1').because).toMatchObject([{ reason: 'base-absent', base: e.full('gone:1') }])
  })

  test('a flattened image whose declared base was deleted is unknown: base-absent', () => {
    const { e } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'annotation', { name: 'base:1' })
    e.push('app:1', app)
    e.remove('base:1')
    expect(e.verdict('app:1')).toMatchObject({ status: 'unknown', because: [{ reason: 'base-absent' }] })
  })

  test('a base that lost the platform is platform-absent', () => {
    const e = estate()
    const amd = e.build([layer('os')])
    const arm = e.build([layer('os-arm')], { platform: 'linux/arm64' })
    e.push('base:1', e.index(amd, arm))
    e.push('app:1', e.from(arm, [layer('app')], { platform: 'linux/arm64' }))
    e.push('base:1', amd)
    expect(e.verdict('app:1')).toMatchObject({
      status: 'unknown',
      because: [{ reason: 'platform-absent', base: e.full('base:1') }],
    })
  })

  test('an ancestor that no tag names: base-unnamed', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    e.push('app:1', e.from(base, [layer('app')]))
    e.remove('base:1')
    expect(e.verdict('app:1')).toMatchObject({ status: 'unknown', because: [{ reason: 'base-unnamed' }] })
  })
})

describe('first seen by reconcile', () => {
  test('a base found so is taken to have been there before; a tag found so may be based on whatever was ever there', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.find('app:1', e.from(base, [layer('app')]))
    e.find('base:1', base)
    expect(e.bases('app:1')).toEqual(['base:1'])
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('declared without a digest and found, not pushed: outdated where the present base is no prefix and some base is known', () => {
    const { e, base } = story()
    const app = e.from(base, [layer('app')])
    e.declare(app, 'annotation', { name: 'base:1' })
    e.push('keep:1', base)
    e.push('base:1', e.build([layer('os2')]))
    e.find('app:1', app)
    expect(e.blames('app:1')).toEqual(['base:1'])
    const flat = e.build([layer('flat')])
    e.declare(flat, 'annotation', { name: 'base:1' })
    e.find('flat:1', flat)
    expect(e.verdict('flat:1')).toMatchObject({ status: 'unknown', because: [{ reason: 'digest-unknown' }] })
  })
})

describe('pinned, times, platforms', () => {
  test('name:tag@digest is judged against the tag and pinned; a bare digest as inferred and pinned', () => {
    const { e, base } = story()
    const tagged = e.from(base, [layer('a')])
    e.declare(tagged, 'annotation', { name: `base:1@${e.digest(base)}` })
    e.push('tagged:1', tagged)
    const bare = e.from(base, [layer('b')])
    e.declare(bare, 'annotation', { name: `base@${e.digest(base)}` })
    e.push('bare:1', bare)
    e.push('base:1', e.build([layer('os2')]))
    expect(e.verdict('tagged:1').causes).toMatchObject([
      { base: e.full('base:1'), pinned: true, confidence: 'declared' },
    ])
    expect(e.verdict('bare:1').causes).toMatchObject([{ base: e.full('base:1'), pinned: true, confidence: 'inferred' }])
  })

  test('outdatedSince is the later of the base leaving and the tag being pushed', () => {
    const { e, base } = story()
    e.push('app:1', e.from(base, [layer('app')]))
    e.push('base:1', e.build([layer('os2')]))
    const left = BigInt(e.now()) * 1_000_000_000n
    e.push('base:1', e.build([layer('os3')]))
    expect(e.verdict('app:1').outdatedSince).toBe(left)
    e.push('base:1', base)
    expect(e.verdict('app:1').outdatedSince).toBeNull()
    e.push('base:1', e.build([layer('os4')]))
    expect(e.verdict('app:1').outdatedSince).toBe(BigInt(e.now()) * 1_000_000_000n)
    e.push('late:1', e.from(base, [layer('late')]))
    expect(e.verdict('late:1').status).toBe('outdated')
  })

  test('a tag is outdated if any platform is, and says which', () => {
    const e = estate()
    const amd = e.build([layer('os')])
    const arm = e.build([layer('os-arm')], { platform: 'linux/arm64' })
    e.push('base:1', e.index(amd, arm))
    const child = e.index(e.from(amd, [layer('c')]), e.from(arm, [layer('c')], { platform: 'linux/arm64' }))
    e.push('app:1', child)
    e.push('base:1', e.index(e.build([layer('os2')]), arm))
    expect(e.verdict('app:1').causes).toMatchObject([{ base: e.full('base:1'), platforms: ['linux/amd64'] }])
    expect(e.verdict('app:1').platforms.map((p) => [p.platform, p.status])).toEqual([
      ['linux/amd64', 'outdated'],
      ['linux/arm64', 'current'],
    ])
  })

  test('history decides between a base and its child without layers of its own', () => {
    const { e, base } = story()
    const env = e.from(base, [empty('ENV A=1')], { config: { Env: ['A=1'] } })
    e.push('env:1', env)
    e.push('app:1', e.from(env, [layer('app')]))
    expect(e.bases('env:1')).toEqual(['base:1'])
    expect(e.bases('app:1')).toEqual(['env:1'])
  })
})
