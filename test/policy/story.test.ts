import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../../src/demo/watch.ts'
import { rebaseStage, type Stage } from '../story-stage.ts'
import { pushImage } from '../support/push.ts'

/** The service as a process of its own: a base moves under a pull request's tag and under tags that are snoozed. */
let stage: Stage
beforeAll(async () => {
  stage = await rebaseStage()
  await stage.service.start({ ...stage.settings, DRYDOCK_SETTLE: '0' })
  const { api } = stage.service
  await api('PUT', '/users/ann', { email: 'ann@example.org' })
  await api('PUT', '/namespaces/app/members/ann', { role: 'owner' })
  await stage.moveBase('one')
  await stage.furnish()
  await pushImage(stage.registry.client, {
    repository: 'app/child',
    tag: 'pr-7',
    layers: ['base one', 'a pull request'],
  })
  await api('PUT', '/policies/app', { exclude: ['pr-*'] })
  await stage.quiet(300)
})
afterAll(() => stage?.close())

type Item = { ref: string; rebuild: { state: string }; ignored: object | null; snoozed: { reason: string } | null }
const outdated = async (query = '') => (await stage.service.api<{ items: Item[] }>('GET', `/outdated${query}`)).items
const tags = ['app/child', 'app/grand'] as const
const snooze = (seconds: number) =>
  stage.service.api<{ expiresAt: string }>('POST', '/snoozes', {
    ...{ kind: 'base', ref: stage.ref('lib/base'), reason: 'a release is cut' },
    expiresAt: new Date(Date.now() + seconds * 1000).toISOString(),
  })

test('while the base is snoozed all is flagged and shown as it is, and nothing is done', async () => {
  await snooze(1_000_000)
  await stage.moveBase('two')
  await eventually('all are flagged', 90, async () => ((await outdated('?ignored=true')).length === 3 ? true : null))
  const shown = await outdated()
  expect(shown.map(({ ref, rebuild, ignored, snoozed }) => [ref, rebuild.state, ignored, snoozed?.reason])).toEqual(
    tags.map((name) => [stage.ref(name), 'paused', null, 'a release is cut']),
  )
  expect(await outdated('?snoozed=false')).toEqual([])
  const pull = (await outdated('?ignored=true')).find(({ ref }) => ref.endsWith(':pr-7'))
  expect(pull?.ignored).toEqual({ rule: 'exclude', scope: 'app', detail: 'pr-*' })
})

test('when the snooze ends, by itself, mails and builds come; the pull request is left alone', async () => {
  const { expiresAt } = await snooze(15)
  await stage.quiet(300)
  for (const name of tags) {
    const builds = await stage.builds(name)
    expect(builds.map(({ state, startedAt }) => [state, startedAt >= expiresAt])).toEqual([['succeeded', true]])
  }
  const mail = await eventually('the mail is there', 90, async () => stage.smtp.received[0] ?? null)
  expect(stage.smtp.received).toHaveLength(1)
  const text = mail.mail.text ?? ''
  for (const name of tags) expect(text).toContain(stage.ref(name))
  expect(text).not.toContain('pr-7')
  expect((await outdated('?ignored=true')).map(({ ref }) => ref)).toEqual([
    stage.ref('app/child').replace(/1$/, 'pr-7'),
  ])
})
