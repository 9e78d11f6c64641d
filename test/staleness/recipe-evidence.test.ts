import { describe, expect, test } from '@jest/globals'
import { empty, estate, layer } from '../support/estate.ts'

/** lineage.md, "Evidence": what a recipe adds, and where it gives way. */
const story = () => {
  const e = estate()
  const base = e.build([layer('os')])
  const tool = e.build([layer('tool')])
  e.push('base:1', base)
  e.push('tool:1', tool)
  const moved = () => e.push('base:1', e.build([layer('os2')]))
  return { e, base, tool, moved }
}
const shown = (e: ReturnType<typeof estate>, ref: string) =>
  e
    .verdict(ref)
    .platforms.flatMap((p) => p.bases.map((b) => `${b.role} ${b.ref} ${b.evidence.join('+')} ${b.confidence}`))

describe('a recipe as evidence', () => {
  test('names the bases that no layer shows: of the last stage runtime, of the others build', () => {
    const { e, moved } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'recipe', { name: 'base:1', role: 'runtime' })
    e.declare(app, 'recipe', { name: 'tool:1', role: 'build' })
    e.push('app:1', app)
    expect(shown(e, 'app:1')).toEqual([
      `runtime ${e.full('base:1')} recipe declared`,
      `build ${e.full('tool:1')} recipe declared`,
    ])
    expect(e.verdict('app:1').status).toBe('current')
    moved()
    expect(e.blames('app:1')).toEqual(['base:1'])
    e.push('tool:1', e.build([layer('tool2')]))
    expect(e.blames('app:1')).toEqual(['base:1'])
    expect(
      e
        .verdict('app:1')
        .causes.filter((c) => !c.counted)
        .map((c) => c.base),
    ).toEqual([e.full('tool:1')])
  })

  test('makes certain which of several names at a content is meant', () => {
    const { e, base, moved } = story()
    e.push('copy:1', base)
    const app = e.from(base, [layer('app')])
    e.push('app:1', app)
    moved()
    expect(e.verdict('app:1').causes).toMatchObject([{ confidence: 'ambiguous' }])
    e.declare(app, 'recipe', { name: 'copy:1', role: 'runtime' })
    expect(e.verdict('app:1')).toMatchObject({ status: 'current', causes: [] })
    expect(e.verdict('app:1').disagreements).toMatchObject([{ base: e.full('base:1'), evidence: ['layers'] }])
  })

  test.each(['build', 'provenance', 'annotation', 'label'] as const)('gives way to %s that differs', (evidence) => {
    const { e, base, moved } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'recipe', { name: 'base:1', role: 'runtime' })
    e.declare(app, evidence, { name: 'tool:1', digest: e.digest(e.build([layer('tool')])), role: 'runtime' })
    e.push('app:1', app)
    moved()
    expect(base.facts.layerCount).toBe(1)
    expect(e.verdict('app:1').status).toBe('current')
    expect(e.verdict('app:1').disagreements).toMatchObject([{ base: e.full('base:1'), evidence: ['recipe'] }])
  })

  test('joins what says the same, and pins it', () => {
    const { e, base } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'annotation', { name: 'base:1', digest: e.digest(base) })
    e.declare(app, 'recipe', { name: `base:1@${e.digest(base)}`, role: 'runtime' })
    e.push('app:1', app)
    expect(shown(e, 'app:1')).toEqual([`runtime ${e.full('base:1')} annotation+recipe declared`])
    expect(e.verdict('app:1').platforms[0]?.bases[0]?.pinned).toBe(true)
  })
})

describe("the runtime base among a provenance's materials, where none is a prefix", () => {
  const flattened = () => {
    const s = story()
    const app = s.e.build([layer('flat')])
    s.e.declare(app, 'provenance', { name: 'tool:1', digest: s.e.digest(s.tool) })
    s.e.declare(app, 'provenance', { name: 'base:1', digest: s.e.digest(s.base) })
    s.e.push('app:1', app)
    return { ...s, app }
  }
  const runtime = (e: ReturnType<typeof estate>) => shown(e, 'app:1').filter((base) => base.startsWith('runtime'))

  test("without annotation or recipe nobody's: role unknown", () => {
    const { e } = flattened()
    expect(shown(e, 'app:1').map((base) => base.split(' ')[0])).toEqual(['unknown', 'unknown'])
  })
  test("the recipe's last FROM decides", () => {
    const { e, app } = flattened()
    e.declare(app, 'recipe', { name: 'base:1', role: 'runtime' })
    expect(runtime(e)).toEqual([`runtime ${e.full('base:1')} provenance+recipe declared`])
  })
  test("the annotation's name decides before it", () => {
    const { e, app } = flattened()
    e.declare(app, 'recipe', { name: 'base:1', role: 'runtime' })
    e.declare(app, 'annotation', { name: 'tool:1' })
    expect(runtime(e)).toEqual([`runtime ${e.full('tool:1')} provenance+annotation declared`])
  })
  test('an annotation that names none of them leaves it to the recipe', () => {
    const { e, app } = flattened()
    e.declare(app, 'recipe', { name: 'base:1', role: 'runtime' })
    e.declare(app, 'annotation', { name: 'else:1' })
    expect(runtime(e)).toEqual([`runtime ${e.full('base:1')} provenance+recipe declared`])
    expect(e.verdict('app:1').disagreements.map((d) => d.base)).toContain(e.full('else:1'))
  })
})

describe('FROM $X that has no value', () => {
  test('unknown: unresolved-arg, where no layer shows a base', () => {
    const { e } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'recipe', { unresolved: true, role: 'runtime' })
    e.push('app:1', app)
    expect(e.verdict('app:1')).toMatchObject({
      status: 'unknown',
      because: [{ reason: 'unresolved-arg', base: null, platform: 'linux/amd64' }],
      causes: [],
    })
  })

  test('where layers find a base they judge, and the reason stays', () => {
    const { e, base, moved } = story()
    const app = e.from(base, [layer('app')])
    e.declare(app, 'recipe', { unresolved: true, role: 'runtime' })
    e.push('app:1', app)
    expect(e.verdict('app:1')).toMatchObject({ status: 'current', because: [{ reason: 'unresolved-arg' }] })
    moved()
    expect(e.blames('app:1')).toEqual(['base:1'])
    expect(e.verdict('app:1').because).toMatchObject([{ reason: 'unresolved-arg' }])
  })

  test('where something stronger names the base, it says nothing', () => {
    const { e } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'recipe', { unresolved: true, role: 'runtime' })
    e.declare(app, 'annotation', { name: 'base:1' })
    e.push('app:1', app)
    expect(e.verdict('app:1')).toMatchObject({ status: 'current', because: [], disagreements: [] })
  })

  test('of a build stage it is told, and blocks only where build bases count', () => {
    const { e } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'recipe', { name: 'base:1', role: 'runtime' })
    e.declare(app, 'recipe', { unresolved: true, role: 'build' })
    e.push('app:1', app)
    expect(e.verdict('app:1')).toMatchObject({ status: 'current', because: [{ reason: 'unresolved-arg' }] })
    e.countBuild('app:1')
    expect(e.verdict('app:1').status).toBe('unknown')
  })
})

test("what a manifest's annotation says comes before what its index says", () => {
  const { e } = story()
  const app = e.build([layer('flat'), empty('ENV A=1')])
  const index = e.index(app)
  e.declare(index, 'annotation', { name: 'base:1' })
  e.declare(app, 'annotation', { name: 'tool:1' })
  e.push('app:1', index)
  expect(shown(e, 'app:1')).toEqual([`runtime ${e.full('tool:1')} annotation declared`])
  expect(e.verdict('app:1').disagreements.map((d) => d.base)).toEqual([e.full('base:1')])
})
