import { describe, expect, test } from '@jest/globals'
import { basedOn, equalContent } from '../../src/lineage/content.ts'
import { empty, estate, layer } from '../support/estate.ts'

/** The cases S1-S20 of the lineage rules, each a small story told in order. */
describe('cases', () => {
  test('S1 base:1 v2 is FROM base:1 v1: current, with no bases', () => {
    const e = estate()
    const v1 = e.build([layer('os')])
    e.push('base:1', v1)
    e.push('base:1', e.from(v1, [layer('patch')]))
    expect(e.verdict('base:1').status).toBe('current')
    expect(e.bases('base:1')).toEqual([])
  })

  test('S1 also where provenance says so', () => {
    const e = estate()
    const v1 = e.build([layer('os')])
    const v2 = e.from(v1, [layer('patch')])
    e.declare(v2, 'provenance', { name: 'base:1', digest: e.digest(v1) })
    e.push('base:1', v1)
    e.push('base:1', v2)
    expect(e.verdict('base:1').status).toBe('current')
    expect(e.bases('base:1')).toEqual([])
  })

  test('S2 app:1 rebuilt as its old content plus one layer is not outdated by itself', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    const app = e.from(base, [layer('app')])
    e.push('app:1', app)
    e.push('app:1', e.from(app, [layer('more')]))
    expect(e.verdict('app:1').status).toBe('current')
    expect(e.bases('app:1')).toEqual(['base:1'])
  })

  test('S3 and S3b latest moves along the versions of its own repository', () => {
    const e = estate()
    const a = e.build([layer('a')])
    e.push('app:1.0', a)
    e.push('app:latest', a)
    const v11 = e.from(a, [layer('1.1')])
    e.push('app:1.1', v11)
    e.push('app:latest', v11)
    for (const ref of ['app:1.0', 'app:1.1', 'app:latest']) expect(e.blames(ref)).toEqual([])
    const v12 = e.from(v11, [layer('1.2')])
    e.push('app:1.2', v12)
    e.push('app:latest', v12)
    for (const ref of ['app:1.0', 'app:1.1', 'app:1.2', 'app:latest']) expect(e.blames(ref)).toEqual([])
  })

  test('S4 flattened app:1 whose annotation names base:1: current, outdated once base:1 moves', () => {
    const e = estate()
    const v1 = e.build([layer('os')])
    e.push('base:1', v1)
    const app = e.build([layer('flat')])
    e.declare(app, 'annotation', { name: 'base:1', digest: e.digest(v1) })
    e.push('app:1', app)
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
    expect(e.verdict('app:1').causes[0]).toMatchObject({
      confidence: 'declared',
      evidence: ['annotation'],
      from: e.digest(v1),
    })
  })

  test('S5 tmp:1 between app:1 and base:1 is deleted; base:1 moves', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    const tmp = e.from(base, [layer('tmp')])
    e.push('tmp:1', tmp)
    e.push('app:1', e.from(tmp, [layer('app')]))
    e.remove('tmp:1')
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('S6 a copy with stripped history is equal content, neither based on the other', () => {
    const e = estate()
    const base = e.build([layer('os'), empty('ENV A=1'), layer('b')])
    const stripped = e.build([layer('os'), layer('b')], { history: 'none' })
    expect(equalContent(base.facts, stripped.facts)).toBe(true)
    expect(basedOn(base.facts, stripped.facts)).toBe(false)
    expect(basedOn(stripped.facts, base.facts)).toBe(false)
  })

  test('S7 a buildpacks child over blank base entries is found by diffIDs', () => {
    const e = estate()
    const base = e.build([layer('run')])
    e.push('run:1', base)
    e.push('app:1', e.build([layer('run'), layer('launcher')], { history: 'blank' }))
    expect(e.bases('app:1')).toEqual(['run:1'])
    e.push('run:1', e.build([layer('run2')]))
    expect(e.blames('app:1')).toEqual(['run:1'])
  })

  test('S8 an image with no layers is base of nothing', () => {
    const e = estate()
    const none = e.build([empty('ENV A=1')])
    e.push('empty:1', none)
    const app = e.build([empty('ENV A=1'), layer('x')])
    e.push('app:1', app)
    expect(basedOn(app.facts, none.facts)).toBe(false)
    expect(e.verdict('app:1').status).toBe('current')
    expect(e.bases('app:1')).toEqual([])
  })

  test('S9 a child without history over base:1 and env:1 has both as candidates', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    e.push('env:1', e.from(base, [empty('ENV A=1')]))
    e.push('app:1', e.build([layer('os'), layer('app')], { history: 'none' }))
    expect(e.bases('app:1')).toEqual(['base:1', 'env:1'])
  })

  test('S10 a copy made after app:1 was pushed is none of its bases', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    e.push('app:1', e.from(base, [layer('app')]))
    e.push('x/y:1', base)
    e.push('x/y:1', e.build([layer('other')]))
    expect(e.verdict('app:1').status).toBe('current')
  })

  test('S11 two names on one content: ambiguous by layers, certain by annotation', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('staging/base:1', base)
    e.push('prod/base:1', base)
    e.push('app:1', e.from(base, [layer('app')]))
    const named = e.from(base, [layer('app')], { salt: 'annotated' })
    e.declare(named, 'annotation', { name: 'prod/base:1', digest: e.digest(base) })
    e.push('named:1', named)
    e.push('staging/base:1', e.build([layer('os2')]))
    expect(e.verdict('app:1').causes).toMatchObject([
      { base: e.full('staging/base:1'), confidence: 'ambiguous', stillAt: [e.full('prod/base:1')] },
    ])
    expect(e.verdict('named:1').status).toBe('current')
  })

  test('S12 annotation says base:stable (unmoved), layers also fit base:1 (moved): current, with a disagreement', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    e.push('base:stable', base)
    const app = e.from(base, [layer('app')])
    e.declare(app, 'annotation', { name: 'base:stable', digest: e.digest(base) })
    e.push('app:1', app)
    e.push('base:1', e.build([layer('os2')]))
    expect(e.verdict('app:1').status).toBe('current')
    expect(e.verdict('app:1').disagreements).toMatchObject([{ base: e.full('base:1'), evidence: ['layers'] }])
  })

  test('S13 base:1 changes only its Env: children are outdated', () => {
    const e = estate()
    const v1 = e.build([layer('os'), empty('ENV A=1')], { config: { Env: ['A=1'] } })
    e.push('base:1', v1)
    e.push('app:1', e.from(v1, [layer('app')]))
    e.push('base:1', e.build([layer('os'), empty('ENV A=2')], { config: { Env: ['A=2'] } }))
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('S13b base:1 drops an ENV line: outdated; changes only a LABEL: current', () => {
    const e = estate()
    const v1 = e.build([layer('os'), empty('ENV A=1')], { config: { Env: ['A=1'] } })
    e.push('base:1', v1)
    e.push('app:1', e.from(v1, [layer('app')]))
    e.push(
      'base:1',
      e.build([layer('os'), empty('ENV A=1'), empty('LABEL v=2')], { config: { Env: ['A=1'], Labels: { v: '2' } } }),
    )
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', e.build([layer('os')], { config: {} }))
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('S14 the index digest of base:1 changes, its platforms do not', () => {
    const e = estate()
    const amd = e.build([layer('os')])
    const arm = e.build([layer('os-arm')], { platform: 'linux/arm64' })
    e.push('base:1', e.index(amd, arm))
    e.push('app:1', e.from(amd, [layer('app')]))
    e.push('base:1', e.index(arm, amd))
    expect(e.verdict('app:1').status).toBe('current')
  })

  test('S15 base:1 is rolled back under an image built on its newer content', () => {
    const e = estate()
    const v1 = e.build([layer('os')])
    e.push('base:1', v1)
    const v2 = e.from(v1, [layer('patch')])
    e.push('base:1', v2)
    e.push('app:1', e.from(v2, [layer('app')]))
    e.push('base:1', v1)
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test.each(['layers', 'provenance'] as const)(
    'S16 a cycle: a:1 FROM base:1 v1; base:1 v2 FROM a:1 (%s)',
    (evidence) => {
      const e = estate()
      const v1 = e.build([layer('os')])
      e.push('base:1', v1)
      const a = e.from(v1, [layer('a')])
      const v2 = e.from(a, [layer('b')])
      if (evidence === 'provenance') {
        e.declare(a, 'provenance', { name: 'base:1', digest: e.digest(v1) })
        e.declare(v2, 'provenance', { name: 'a:1', digest: e.digest(a) })
      }
      e.push('a:1', a)
      e.push('base:1', v2)
      expect(e.blames('a:1')).toEqual(['base:1'])
      expect(e.blames('base:1')).toEqual([])
    },
  )

  test('S17 base:1 moves between the build of app:1 and its push', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    const app = e.from(base, [layer('app')], { created: e.now() + 0.5 })
    e.push('base:1', e.build([layer('os2')]))
    e.push('app:1', app)
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('S18 an annotation without digest is judged by what the name was then', () => {
    const e = estate()
    e.push('base:1', e.build([layer('os')]))
    const app = e.build([layer('flat')])
    e.declare(app, 'annotation', { name: 'base:1' })
    e.push('app:1', app)
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
    const again = e.build([layer('flat2')])
    e.declare(again, 'annotation', { name: 'base:1' })
    e.push('app:1', again)
    expect(e.verdict('app:1').status).toBe('current')
  })

  test('S19 S2, and then base:1 moves', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('base:1', base)
    const app = e.from(base, [layer('app')])
    e.push('app:1', app)
    e.push('app:1', e.from(app, [layer('more')]))
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('S20 the child is pushed before its base: judged as soon as the base is known', () => {
    const e = estate()
    const base = e.build([layer('os')])
    e.push('app:1', e.from(base, [layer('app')]))
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', base)
    expect(e.bases('app:1')).toEqual(['base:1'])
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
  })
})
