import { describe, expect, test } from '@jest/globals'
import { basedOn, equalContent, sameRelease } from '../../src/lineage/content.ts'
import { empty, estate, layer } from '../support/estate.ts'

/** lineage.md, "Content, and who is based on whom". */
describe('content', () => {
  test('equal steps are equal content, whatever the times and the labels of the two', () => {
    const e = estate()
    const steps = [layer('os'), empty('ENV A=1')]
    const [a, b] = [e.build(steps, { created: 1 }), e.build(steps, { created: 2, config: { Labels: { v: '2' } } })]
    expect(equalContent(a.facts, b.facts)).toBe(true)
    expect(equalContent(a.facts, e.build([layer('os'), empty('ENV A=2')]).facts)).toBe(false)
  })

  test('it is a relation of two, not a node: a copy without history equals two that do not equal each other', () => {
    const e = estate()
    const plain = e.build([layer('os')])
    const env = e.from(plain, [empty('ENV A=1')])
    const stripped = e.build([layer('os')], { history: 'none' })
    expect(equalContent(stripped.facts, plain.facts)).toBe(true)
    expect(equalContent(stripped.facts, env.facts)).toBe(true)
    expect(equalContent(plain.facts, env.facts)).toBe(false)
  })
})

describe('based on', () => {
  test('(a) where both histories tell the same of the base: by steps, so that history alone makes a child', () => {
    const e = estate()
    const base = e.build([layer('os')])
    const env = e.from(base, [empty('ENV A=1')])
    expect(basedOn(env.facts, base.facts)).toBe(true)
    expect(basedOn(base.facts, env.facts)).toBe(false)
    const beside = e.from(base, [empty('ENV B=1'), layer('app')])
    expect(basedOn(beside.facts, base.facts)).toBe(true)
    expect(basedOn(beside.facts, env.facts)).toBe(false)
  })

  test.each(['none', 'blank'] as const)('(b) otherwise by diffIDs, strictly: history %s', (history) => {
    const e = estate()
    const base = e.build([layer('os')])
    const env = e.from(base, [empty('ENV A=1')])
    const child = e.build([layer('os'), layer('app')], { history })
    expect(basedOn(child.facts, base.facts)).toBe(true)
    expect(basedOn(child.facts, env.facts)).toBe(true)
    expect(basedOn(e.build([layer('os')], { history }).facts, base.facts)).toBe(false)
  })

  test('the same diffIDs told otherwise: history does not speak, the layers do', () => {
    const e = estate()
    const base = e.build([layer('os')])
    const retold = e.build([{ layer: 'os', by: 'COPY os /' }, layer('app')])
    expect(basedOn(retold.facts, base.facts)).toBe(true)
  })

  test('what is based on something need not be based on what that is based on', () => {
    const e = estate()
    const base = e.build([layer('os')])
    const env = e.from(base, [empty('ENV A=1')])
    const silent = e.build([layer('os'), layer('b')], { history: 'none' })
    const told = e.build([layer('os'), layer('b'), layer('c')])
    expect(basedOn(silent.facts, env.facts)).toBe(true)
    expect(basedOn(told.facts, silent.facts)).toBe(true)
    expect(basedOn(told.facts, env.facts)).toBe(false)
  })

  test('the immediate base has the most diffIDs, then the longest common prefix of steps', () => {
    const e = estate()
    const base = e.build([layer('os')])
    const env = e.from(base, [empty('ENV A=1')])
    const more = e.from(env, [layer('more')])
    e.push('base:1', base)
    e.push('env:1', env)
    e.push('onenv:1', e.from(env, [layer('app')]))
    e.push('more:1', more)
    e.push('onmore:1', e.from(more, [layer('app')]))
    expect(e.bases('onenv:1')).toEqual(['env:1'])
    expect(e.bases('onmore:1')).toEqual(['more:1'])
  })
})

describe('same release', () => {
  const variants: [what: string, config: Record<string, unknown>, same: boolean][] = [
    ['Env', { Env: ['A=2'] }, false],
    ['Entrypoint', { Entrypoint: ['/x'] }, false],
    ['Cmd', { Cmd: ['/x'] }, false],
    ['User', { User: 'x' }, false],
    ['WorkingDir', { WorkingDir: '/x' }, false],
    ['ExposedPorts', { ExposedPorts: { '80/tcp': {} } }, false],
    ['Volumes', { Volumes: { '/x': {} } }, false],
    ['StopSignal', { StopSignal: 'SIGINT' }, false],
    ['Healthcheck', { Healthcheck: { Test: ['CMD', 'x'] } }, false],
    ['OnBuild', { OnBuild: ['RUN x'] }, false],
    ['Shell', { Shell: ['/bin/x'] }, false],
    ['Labels', { Labels: { x: '1' } }, true],
  ]
  test.each(variants)('another %s', (_, config, same) => {
    const e = estate()
    const base = e.build([layer('os')], { config: { Env: ['A=1'] } })
    const other = e.build([layer('os')], { config: { Env: ['A=1'], ...config }, history: 'none' })
    expect(sameRelease(base.facts, other.facts)).toBe(same)
  })
})
