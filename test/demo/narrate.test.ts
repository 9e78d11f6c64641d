import { expect, test } from '@jest/globals'
import { emptyScene, narrate, type Scene } from '../../src/demo/narrate.ts'
import type { BuildView } from '../../src/demo/tracker.ts'

const cause = {
  base: 'localhost:5000/lib/base:1',
  from: `sha256:${'a'.repeat(64)}`,
  to: `sha256:${'b'.repeat(64)}`,
  evidence: ['layers'],
  confidence: 'inferred',
  via: null,
}
const build = (state: string): BuildView => ({
  id: '1',
  ref: 'localhost:5000/app/shop:1',
  state,
  startedAt: null,
  finishedAt: null,
  digest: state === 'succeeded' ? `sha256:${'c'.repeat(64)}` : null,
  error: state === 'failed' ? { code: 'still-outdated', message: 'the tag is outdated still' } : null,
})
const flagged: Scene = { ...emptyScene, outdated: [{ ref: 'localhost:5000/app/shop:1', causes: [cause] }] }

test('a flag is told with its cause, once', () => {
  expect(narrate(emptyScene, flagged)).toEqual([
    'flag   localhost:5000/app/shop:1 is outdated: localhost:5000/lib/base:1 sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb (layers; inferred)',
  ])
  expect(narrate(flagged, flagged)).toEqual([])
})

test('a cleared flag is told', () => {
  expect(narrate(flagged, emptyScene)).toEqual(['clear  localhost:5000/app/shop:1 is current again'])
})

test('a build is told each time its state changes', () => {
  const scene = (state: string): Scene => ({ ...emptyScene, builds: [build(state)] })
  expect(narrate(emptyScene, scene('queued'))).toEqual(['build  localhost:5000/app/shop:1 queued'])
  expect(narrate(scene('queued'), scene('queued'))).toEqual([])
  expect(narrate(scene('running'), scene('succeeded'))).toEqual([
    'build  localhost:5000/app/shop:1 succeeded, pushed sha256:cccccccccccc',
  ])
  expect(narrate(scene('running'), scene('failed'))).toEqual([
    'build  localhost:5000/app/shop:1 failed: still-outdated the tag is outdated still',
  ])
})

test('a mail is told with its whole text', () => {
  const received = [
    { messageId: '<1>', from: 'a@example.org', to: ['b@example.org'], subject: 'Two tags', text: 'one\ntwo\n' },
  ]
  expect(narrate(emptyScene, { ...emptyScene, received })).toEqual([
    'mail   to b@example.org: Two tags',
    '       | one',
    '       | two',
  ])
})
