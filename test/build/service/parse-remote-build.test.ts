import { expect, test } from '@jest/globals'
import { parseRemoteBuild, type RemoteBuild } from '../../../src/build/service/remote-build.ts'

const at = '2026-11-21T12:00:00.000Z'
const step = (name: RemoteBuild['steps'][number]['name']) => ({ name, startedAt: at, finishedAt: at, error: null })
const build: RemoteBuild = {
  ...{ id: 'b', ref: 'h/r:1', state: 'running', builder: 'docker', createdAt: at, startedAt: at, finishedAt: null },
  ...{ steps: [step('build'), step('push')], host: null, content: null, previous: null, commit: null, digest: null },
  ...{ bases: [], error: null },
}

test('what a service of this version tells is read as it is', () => {
  expect(parseRemoteBuild(build).data).toEqual(build)
})

test('fields and steps of a later version are left out', () => {
  const [first, last] = build.steps
  const later = { ...build, signature: 'more', steps: [{ ...first, cached: 3 }, { name: 'sign', by: 'key' }, last] }
  expect(parseRemoteBuild(later).data).toEqual(build)
})

test.each([
  ['nothing', null],
  ['a list', [build]],
  ['a state nobody knows', { ...build, state: 'thinking' }],
  ['a known step without its times', { ...build, steps: [{ name: 'push' }] }],
  ['no steps', { ...build, steps: null }],
  ['a digest that is none', { ...build, digest: 'sha256:short' }],
])('%s is no build', (_what, said) => {
  expect(parseRemoteBuild(said).success).toBe(false)
})
