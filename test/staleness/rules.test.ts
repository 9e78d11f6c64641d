import { describe, expect, test } from '@jest/globals'
import { estate, layer } from '../support/estate.ts'

const story = () => {
  const e = estate()
  const base = e.build([layer('os')])
  e.push('base:1', base)
  return { e, base }
}

describe('inherited', () => {
  test('a grandchild is outdated by the root, via its nearest outdated base; rebuilding the child makes it direct', () => {
    const { e, base } = story()
    const child = e.from(base, [layer('child')])
    e.push('child:1', child)
    e.push('grand:1', e.from(child, [layer('grand')]))
    const v2 = e.build([layer('os2')])
    e.push('base:1', v2)
    expect(e.blames('child:1')).toEqual(['base:1'])
    expect(e.blames('grand:1')).toEqual(['base:1 via child:1'])
    e.push('child:1', e.from(v2, [layer('child')]))
    expect(e.blames('child:1')).toEqual([])
    expect(e.blames('grand:1')).toEqual(['child:1'])
  })

  test('via is the smallest of equal names; from, to and confidence are told', () => {
    const { e, base } = story()
    const child = e.from(base, [layer('child')])
    e.push('z/child:1', child)
    e.push('a/child:1', child)
    e.push('grand:1', e.from(child, [layer('grand')]))
    const v2 = e.build([layer('os2')])
    e.push('base:1', v2)
    expect(e.verdict('grand:1').causes).toMatchObject([
      {
        base: e.full('base:1'),
        via: e.full('a/child:1'),
        from: e.digest(base),
        to: e.digest(v2),
        confidence: 'inferred',
      },
    ])
  })

  test('a chain of four: each is outdated via the one below it, and cycles of declarations end', () => {
    const { e, base } = story()
    const flat = (name: string) => e.build([layer(name)])
    const [x, y] = [flat('x'), flat('y')]
    e.declare(x, 'annotation', { name: 'y:1' })
    e.declare(y, 'annotation', { name: 'x:1' })
    e.declare(y, 'provenance', { name: 'base:1', digest: e.digest(base), role: 'runtime' })
    e.push('y:1', y)
    e.push('x:1', x)
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('y:1')).toEqual(['base:1'])
    expect(e.blames('x:1')).toEqual(['base:1 via y:1'])
    e.push('base:1', base)
    expect(e.blames('y:1')).toEqual([])
    expect(e.blames('x:1')).toEqual([])
  })

  test('a cause that only a cycle would hold up never arises, and no tag is the root of its own', () => {
    const e = estate()
    const [x, y] = [e.build([layer('x')]), e.build([layer('y')])]
    e.push('x:1', x)
    const y1 = e.build([layer('y'), layer('z')])
    e.declare(y1, 'annotation', { name: 'x:1', digest: e.digest(x) })
    e.push('y:1', y1)
    const x2 = e.build([layer('x2')])
    e.declare(x2, 'annotation', { name: 'y:1', digest: e.digest(y1) })
    e.push('x:1', x2)
    expect(e.blames('y:1')).toEqual(['x:1'])
    expect(e.blames('x:1')).toEqual([])
    expect(y.facts.layerCount).toBe(1)
  })
})

describe('roles', () => {
  test('provenance: the longest content that is a prefix is the runtime base, the others are build bases and not counted', () => {
    const { e, base } = story()
    const tool = e.build([layer('tool')])
    e.push('tool:1', tool)
    const app = e.from(base, [layer('app')])
    e.declare(app, 'provenance', { name: 'tool:1', digest: e.digest(tool) })
    e.declare(app, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.push('app:1', app)
    e.push('tool:1', e.build([layer('tool2')]))
    expect(e.verdict('app:1').status).toBe('current')
    expect(e.verdict('app:1').causes).toMatchObject([{ base: e.full('tool:1'), role: 'build', counted: false }])
    e.countBuild('app:1')
    expect(e.blames('app:1')).toEqual(['tool:1'])
    expect(e.verdict('app:1').platforms[0]!.bases).toMatchObject([
      { ref: e.full('base:1'), role: 'runtime', evidence: ['provenance', 'layers'] },
      { ref: e.full('tool:1'), role: 'build', evidence: ['provenance'] },
    ])
  })

  test('a sole material is runtime; several of which none passes have role unknown and are not counted', () => {
    const { e, base } = story()
    e.push('tool:1', e.build([layer('tool')]))
    const sole = e.build([layer('flat')])
    e.declare(sole, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.push('sole:1', sole)
    const two = e.build([layer('flat2')])
    e.declare(two, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.declare(two, 'provenance', { name: 'tool:1' })
    e.push('two:1', two)
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('sole:1')).toEqual(['base:1'])
    expect(e.verdict('two:1').status).toBe('current')
    expect(e.verdict('two:1').causes).toMatchObject([{ role: 'unknown', counted: false }])
  })

  test('where none passes, the annotated name decides which is runtime', () => {
    const { e, base } = story()
    e.push('tool:1', e.build([layer('tool')]))
    const app = e.build([layer('flat')])
    e.declare(app, 'provenance', { name: 'tool:1' })
    e.declare(app, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.declare(app, 'annotation', { name: 'base:1' })
    e.push('app:1', app)
    e.push('base:1', e.build([layer('os2')]))
    expect(e.verdict('app:1').causes).toMatchObject([
      { base: e.full('base:1'), role: 'runtime', evidence: ['provenance', 'annotation'] },
    ])
  })
})

describe('evidence', () => {
  test('a label that the layer base carries too was inherited and says nothing', () => {
    const { e, base } = story()
    e.push('os:1', e.build([layer('scratch')]))
    e.declare(base, 'label', { name: 'os:1' })
    const app = e.from(base, [layer('app')])
    e.declare(app, 'label', { name: 'os:1' })
    e.push('app:1', app)
    expect(e.bases('app:1')).toEqual(['base:1'])
  })

  test('a label of its own names the base', () => {
    const { e } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'label', { name: 'base:1' })
    e.push('app:1', app)
    expect(e.bases('app:1')).toEqual(['base:1'])
  })

  test('where a stronger and a weaker declaration differ, the stronger wins and the other is a disagreement', () => {
    const { e, base } = story()
    e.push('other:1', e.build([layer('other')]))
    const app = e.from(base, [layer('app')])
    e.declare(app, 'annotation', { name: 'other:1' })
    e.declare(app, 'build', { name: 'base:1', digest: e.digest(base), role: 'runtime' })
    e.push('app:1', app)
    e.push('other:1', e.build([layer('other2')]))
    expect(e.verdict('app:1').status).toBe('current')
    expect(e.verdict('app:1').disagreements).toMatchObject([{ base: e.full('other:1'), evidence: ['annotation'] }])
  })

  test('a declared index digest and the platform manifest digest are the same word', () => {
    const e = estate()
    const amd = e.build([layer('os')])
    const arm = e.build([layer('os-arm')], { platform: 'linux/arm64' })
    const both = e.index(amd, arm)
    e.push('base:1', both)
    const [a, b] = [e.build([layer('f1')]), e.build([layer('f2')])]
    e.declare(a, 'annotation', { name: 'base:1', digest: e.digest(both) })
    e.declare(b, 'annotation', { name: 'base:1', digest: e.digest(amd) })
    e.push('a:1', a)
    e.push('b:1', b)
    expect([e.verdict('a:1').status, e.verdict('b:1').status]).toEqual(['current', 'current'])
    e.push('base:1', e.index(e.build([layer('os2')]), arm))
    expect([e.blames('a:1'), e.blames('b:1')]).toEqual([['base:1'], ['base:1']])
  })

  test('evidence belongs to a digest: an equal content without it does not inherit it', () => {
    const { e } = story()
    const annotated = e.build([layer('flat')], { salt: 'a' })
    e.declare(annotated, 'annotation', { name: 'base:1' })
    e.push('annot:1', annotated)
    e.push('flat:1', e.build([layer('flat')]))
    e.push('base:1', e.build([layer('os2')]))
    expect(e.blames('annot:1')).toEqual(['base:1'])
    expect(e.blames('flat:1')).toEqual([])
  })
})
