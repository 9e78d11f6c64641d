import { describe, expect, test } from '@jest/globals'
import { estate, layer } from '../support/estate.ts'

const ns = (seconds: number) => BigInt(seconds) * 1_000_000_000n
const unknownDigest = `sha256:${'d'.repeat(64)}`
const story = () => {
  const e = estate()
  const base = e.build([layer('os')])
  e.push('base:1', base)
  return { e, base, next: () => e.build([layer(`os ${e.now()}`)]) }
}

/** lineage.md, "Evidence, strongest first". */
describe('evidence', () => {
  test('the manifest speaks before its index, and the index where the manifest is silent', () => {
    const { e, base } = story()
    e.push('a:1', e.build([layer('a')]))
    const [told, silent] = [e.from(base, [layer('1')]), e.build([layer('2')], { platform: 'linux/arm64' })]
    const both = e.index(told, silent)
    e.declare(both, 'annotation', { name: 'a:1' })
    e.declare(told, 'annotation', { name: 'base:1', digest: e.digest(base) })
    e.push('app:1', both)
    expect(e.verdict('app:1').platforms.map((p) => p.bases.map((b) => b.ref))).toEqual([
      [e.full('base:1')],
      [e.full('a:1')],
    ])
    expect(e.verdict('app:1').disagreements).toMatchObject([{ platform: 'linux/amd64', base: e.full('a:1') }])
  })

  test('the same digest in another repository shares it', () => {
    const { e, next } = story()
    const flat = e.build([layer('flat')])
    e.declare(flat, 'annotation', { name: 'base:1' })
    e.push('app:1', flat)
    e.push('elsewhere/app:1', flat)
    e.push('base:1', next())
    expect([e.blames('app:1'), e.blames('elsewhere/app:1')]).toEqual([['base:1'], ['base:1']])
  })

  test('several attestations on one manifest add up', () => {
    const { e, base, next } = story()
    e.push('tool:1', e.build([layer('tool')]))
    const app = e.from(base, [layer('app')])
    e.declare(app, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.declare(app, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.declare(app, 'provenance', { name: 'tool:1' })
    e.push('app:1', app)
    e.push('base:1', next())
    expect(e.verdict('app:1').platforms[0]!.bases.map((b) => [b.ref, b.role])).toEqual([
      [e.full('base:1'), 'runtime'],
      [e.full('tool:1'), 'build'],
    ])
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('a prefix includes equality: a bare FROM beside another stage is the runtime base', () => {
    const { e, base, next } = story()
    const tool = e.build([layer('tool')])
    e.push('tool:1', tool)
    const bare = e.from(base, [], { config: { Labels: { bare: '1' } } })
    e.declare(bare, 'provenance', { name: 'tool:1', digest: e.digest(tool) })
    e.declare(bare, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.push('app:1', bare)
    e.push('base:1', next())
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('a digest without a name counts as a bare digest: judged as inferred', () => {
    const { e, base, next } = story()
    const app = e.from(base, [layer('app')])
    e.declare(app, 'annotation', { digest: e.digest(base) })
    e.push('app:1', app)
    e.push('base:1', next())
    expect(e.verdict('app:1').causes).toMatchObject([{ base: e.full('base:1'), confidence: 'inferred' }])
  })
})

/** lineage.md, "Stale, exactly". */
describe('declared', () => {
  test('a digest whose content is not to be had: current where it is what the name points at', () => {
    const { e, base, next } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'annotation', { name: 'base:1', digest: e.digest(base) })
    e.push('app:1', app)
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', next())
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('a digest nobody has: judged by what the name pointed at when T was pushed', () => {
    const { e, next } = story()
    const app = e.build([layer('flat')])
    e.declare(app, 'annotation', { name: 'base:1', digest: unknownDigest })
    e.push('app:1', app)
    expect(e.verdict('app:1').status).toBe('current')
    e.push('base:1', next())
    expect(e.blames('app:1')).toEqual(['base:1'])
  })

  test('a build base without a digest of which nobody knows what it was: listed as digest-unknown, and not counted', () => {
    const { e, base } = story()
    const app = e.from(base, [layer('app')])
    e.declare(app, 'build', { name: 'tool:1', role: 'build' })
    e.declare(app, 'build', { name: 'base:1', digest: e.digest(base), role: 'runtime' })
    e.push('app:1', app)
    e.push('tool:1', e.build([layer('tool')]))
    expect(e.verdict('app:1')).toMatchObject({
      status: 'current',
      because: [{ reason: 'digest-unknown', base: e.full('tool:1') }],
    })
  })

  test("the purl's own platform is the one that is compared", () => {
    const e = estate()
    const amd = e.build([layer('sdk')])
    const arm = e.build([layer('sdk-arm')], { platform: 'linux/arm64' })
    const sdk = e.index(amd, arm)
    e.push('sdk:1', sdk)
    const app = e.build([layer('app')], { platform: 'linux/arm64' })
    e.declare(app, 'provenance', { name: 'sdk:1', digest: e.digest(sdk), platform: 'linux/amd64' })
    e.push('app:1', app)
    e.push('sdk:1', e.index(amd, e.build([layer('sdk-arm 2')], { platform: 'linux/arm64' })))
    expect(e.blames('app:1')).toEqual([])
    e.push('sdk:1', e.index(e.build([layer('sdk 2')]), arm))
    expect(e.blames('app:1')).toEqual(['sdk:1'])
  })
})

describe('windows', () => {
  const [old, recent] = ['windows/amd64;10.0.17763.5329', 'windows/amd64;10.0.20348.2227']

  test('a purl that leaves out the os.version means that of what was built', () => {
    const e = estate()
    const bases = [e.build([layer('1809')], { platform: old }), e.build([layer('2022')], { platform: recent })] as const
    const index = e.index(...bases)
    e.push('core:1', index)
    const app = e.build([layer('flat')], { platform: recent })
    e.declare(app, 'provenance', { name: 'core:1', digest: e.digest(index), platform: 'windows/amd64' })
    e.push('app:1', app)
    expect(e.verdict('app:1')).toMatchObject({ status: 'current', because: [] })
    e.push('core:1', e.index(e.build([layer('1809 b')], { platform: old }), bases[1]))
    expect(e.blames('app:1')).toEqual([])
    e.push('core:1', e.index(bases[0], e.build([layer('2022 b')], { platform: recent })))
    expect(e.blames('app:1')).toEqual(['core:1'])
  })

  test('another revision of the same build stands in for the very one', () => {
    const e = estate()
    const base = e.build([layer('2022')], { platform: recent })
    e.push('core:1', base)
    e.push('app:1', e.from(base, [layer('app')], { platform: recent }))
    e.push('core:1', e.build([layer('2022 b')], { platform: 'windows/amd64;10.0.20348.2322' }))
    expect(e.blames('app:1')).toEqual(['core:1'])
  })
})

describe('inherited', () => {
  test('only counted causes are: a build base that moved ends with who was built with it', () => {
    const { e, base } = story()
    const tool = e.build([layer('tool')])
    e.push('tool:1', tool)
    const app = e.from(base, [layer('app')])
    e.declare(app, 'provenance', { name: 'tool:1', digest: e.digest(tool) })
    e.declare(app, 'provenance', { name: 'base:1', digest: e.digest(base) })
    e.push('app:1', app)
    e.push('top:1', e.from(app, [layer('top')]))
    e.push('tool:1', e.build([layer('tool 2')]))
    expect(e.verdict('app:1').causes).toMatchObject([{ base: e.full('tool:1'), counted: false }])
    expect(e.verdict('top:1').causes).toEqual([])
    e.countBuild('app:1')
    expect(e.blames('top:1')).toEqual(['tool:1 via app:1'])
  })

  test('platform by platform: one platform of the base outdated leaves the other children current', () => {
    const e = estate()
    const [amd, arm] = [e.build([layer('os')]), e.build([layer('os-arm')], { platform: 'linux/arm64' })]
    e.push('base:1', e.index(amd, arm))
    const mid = [e.from(amd, [layer('mid')]), e.from(arm, [layer('mid')], { platform: 'linux/arm64' })] as const
    e.push('mid:1', e.index(...mid))
    e.push('amd:1', e.from(mid[0], [layer('app')]))
    e.push('arm:1', e.from(mid[1], [layer('app')], { platform: 'linux/arm64' }))
    e.push('base:1', e.index(e.build([layer('os 2')]), arm))
    expect(e.blames('amd:1')).toEqual(['base:1 via mid:1'])
    expect(e.blames('arm:1')).toEqual([])
  })

  test("the confidence is that of T's own link", () => {
    const { e, base, next } = story()
    const child = e.from(base, [layer('child')])
    e.push('child:1', child)
    const [told, silent] = [e.from(child, [layer('told')]), e.from(child, [layer('silent')])]
    e.declare(told, 'annotation', { name: 'child:1', digest: e.digest(child) })
    e.push('told:1', told)
    e.push('silent:1', silent)
    e.push('base:1', next())
    expect(e.verdict('told:1').causes).toMatchObject([{ confidence: 'declared' }])
    expect(e.verdict('silent:1').causes).toMatchObject([{ confidence: 'inferred' }])
  })

  test('since: the later of the root leaving and the push of T', () => {
    const { e, base, next } = story()
    const child = e.from(base, [layer('child')])
    e.push('child:1', child)
    e.push('early:1', e.from(child, [layer('early')]))
    e.push('base:1', next())
    const left = ns(e.now())
    e.push('late:1', e.from(child, [layer('late')]))
    expect(e.verdict('early:1').outdatedSince).toBe(left)
    expect(e.verdict('late:1').outdatedSince).toBe(ns(e.now()))
  })
})

describe('what is shown', () => {
  test('where the name was never seen at U, `from` is null and the stretch began with its present push', () => {
    const { e, base, next } = story()
    e.push('keep:1', base)
    const app = e.from(base, [layer('app')])
    e.push('other:1', next())
    e.declare(app, 'annotation', { name: 'other:1', digest: e.digest(base) })
    e.push('app:1', app)
    e.push('other:1', next())
    expect(e.verdict('app:1').causes).toMatchObject([{ base: e.full('other:1'), from: null, since: ns(e.now()) }])
  })

  test('`from` and `to` are tag heads: the indexes where there are some', () => {
    const e = estate()
    const [amd, arm] = [e.build([layer('os')]), e.build([layer('os-arm')], { platform: 'linux/arm64' })]
    const [before, after] = [e.index(amd, arm), e.index(e.build([layer('os 2')]), arm)]
    e.push('base:1', before)
    e.push('app:1', e.from(amd, [layer('app')]))
    e.push('base:1', after)
    expect(e.verdict('app:1').causes).toMatchObject([{ from: e.digest(before), to: e.digest(after) }])
  })

  test('outdated beats unknown beats current, and the reasons stay', () => {
    const { e, base, next } = story()
    const app = e.from(base, [layer('app')])
    e.declare(app, 'build', { name: 'gone/tool:1', role: 'build' })
    e.declare(app, 'build', { name: 'base:1', digest: e.digest(base), role: 'runtime' })
    e.countBuild('app:1')
    e.push('app:1', app)
    expect(e.verdict('app:1')).toMatchObject({ status: 'unknown', because: [{ base: e.full('gone/tool:1') }] })
    e.push('base:1', next())
    expect(e.verdict('app:1')).toMatchObject({ status: 'outdated', because: [{ base: e.full('gone/tool:1') }] })
  })

  test('a tag moved back is a move like any other, and back again no move at all', () => {
    const { e, base, next } = story()
    const second = next()
    e.push('base:1', second)
    e.push('app:1', e.from(second, [layer('app')]))
    e.push('base:1', base)
    expect(e.blames('app:1')).toEqual(['base:1'])
    e.push('base:1', second)
    expect(e.blames('app:1')).toEqual([])
  })

  test('what is no image has no lineage, and is base of nothing', () => {
    const { e } = story()
    e.push('chart:1', e.artifact('chart'))
    expect(e.verdict('chart:1')).toMatchObject({ status: 'artifact', platforms: [], causes: [], because: [] })
  })
})
