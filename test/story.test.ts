import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually } from '../src/demo/watch.ts'
import { type BuildView, dockerStage, rebaseStage, type Stage, serviceStage } from './story-stage.ts'
import { requires } from './support/requires.ts'

/** Each tag with the bases it must wait for. */
type Family = Record<string, string[]>

const chain: Family = { 'app/child': [], 'app/grand': ['app/child'] }
const diamond: Family = { 'app/left': [], 'app/right': [], 'app/top': ['app/left', 'app/right'] }

/** A base moves → flags → one mail → rebuilt in order → flags cleared, and then it is quiet. Nobody lends a hand. */
function story(makeStage: () => Promise<Stage>, family: Family): void {
  let stage: Stage
  const names = Object.keys(family)
  const automatic = async (name: string) =>
    (await stage.builds(name)).filter((build) => build.reason.kind === 'base-moved')

  beforeAll(async () => {
    stage = await makeStage()
    await stage.service.start({ ...stage.settings, DRYDOCK_SETTLE: '3600' })
    const { api } = stage.service
    await api('PUT', '/users/ann', { email: 'ann@example.org' })
    await api('PUT', '/users/bob', { email: 'bob@example.org' })
    await api('PUT', '/namespaces/lib', { visibility: 'protected' })
    await api('PUT', '/namespaces/app/members/ann', { role: 'owner' })
    await api('PUT', '/namespaces/app/members/bob', { role: 'viewer' })
    await stage.moveBase('one')
    await stage.furnish()
    await stage.quiet(300)
  })
  afterAll(() => stage?.close())

  test('at first nothing is outdated, built by itself or mailed', async () => {
    expect(await stage.outdated()).toEqual([])
    for (const name of names) expect(await automatic(name)).toEqual([])
    expect(stage.smtp.received).toEqual([])
  })

  test('the base moves: all that is based on it is flagged, and says what it waits for', async () => {
    await stage.moveBase('two')
    const flagged = await eventually('all are outdated', 90, async () => {
      const found = await stage.outdated()
      return found.length === names.length ? found : null
    })
    for (const { ref, causes, rebuild } of flagged) {
      const name = names.find((one) => stage.ref(one) === ref)!
      const waitsFor = family[name]!.map(stage.ref)
      expect(causes.every((cause) => cause.base === stage.ref('lib/base'))).toBe(true)
      expect(causes.map((cause) => cause.via).sort()).toEqual(waitsFor.length === 0 ? [null] : waitsFor)
      expect(rebuild.state).toBe(waitsFor.length === 0 ? 'settling' : 'waiting')
      expect(rebuild.waitsFor).toEqual(waitsFor)
    }
    expect((await Promise.all(names.map(automatic))).flat()).toEqual([])
  })

  test('they are rebuilt, each once and after its bases, on the new base, until nothing is outdated', async () => {
    await stage.service.stop()
    await stage.service.start({ ...stage.settings, DRYDOCK_SETTLE: '0' })
    await stage.lookNow() // the time in which it might have settled is over
    await stage.quiet(300)
    const builds = new Map<string, BuildView>()
    for (const name of names) {
      const own = await automatic(name)
      expect(own).toMatchObject([{ ref: stage.ref(name), state: 'succeeded', error: null }])
      builds.set(name, own[0]!)
    }
    for (const [name, bases] of Object.entries(family))
      for (const base of bases)
        expect(Date.parse(builds.get(name)!.startedAt)).toBeGreaterThanOrEqual(Date.parse(builds.get(base)!.finishedAt))
    const base = await stage.diffIds('lib/base')
    for (const name of names) expect((await stage.diffIds(name)).slice(0, base.length)).toEqual(base)
  })

  test('whoever looks after them was told once, and nobody else', () => {
    const [mail, ...more] = stage.smtp.received
    expect(more).toEqual([])
    expect(mail!.to).toEqual(['ann@example.org'])
    for (const name of ['lib/base', ...names]) expect(mail!.mail.text).toContain(stage.ref(name))
  })
}

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)("the story with Docker, git and Debian's registry", () => {
  story(dockerStage, { ...chain, ...diamond })
})

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('the story with a build service elsewhere', () => {
  story(serviceStage, { ...chain, ...diamond })
})

describe('the story with rebases and our small registry', () => {
  story(rebaseStage, chain)
})
