import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { dockerStage, rebaseStage, type Stage } from './story-stage.ts'
import { requires } from './support/requires.ts'

let stage: Stage | null = null
afterEach(async () => {
  await stage?.close()
  stage = null
})

/**
 * The story of story.test.ts, with the service killed again and again from the moment the base moves, each time at another moment
 * within `within` ms after its start. It must come to the same end, and nobody may be told twice: a kill inside an SMTP exchange
 * may repeat a mail, once, under the same Message-ID.
 */
async function survive(makeStage: () => Promise<Stage>, names: string[], kills: number, within: number): Promise<void> {
  stage = await makeStage()
  const { service, settings, smtp } = stage
  const start = () => service.start({ ...settings, DRYDOCK_SETTLE: '0' })
  await start()
  await service.api('PUT', '/users/ann', { email: 'ann@example.org' })
  await service.api('PUT', '/namespaces/app/members/ann', { role: 'owner' })
  await stage.moveBase('one')
  await stage.furnish()
  await stage.quiet(300)
  await stage.moveBase('two')
  for (let i = 0; i < kills; i++) {
    await delay((within * (i + Math.random())) / kills)
    await service.kill()
    await start()
  }
  await stage.quiet(600)

  const base = await stage.diffIds('lib/base')
  for (const name of names) {
    const builds = (await stage.builds(name)).filter((build) => build.reason.kind === 'base-moved')
    expect(builds).toMatchObject([{ ref: stage.ref(name), state: 'succeeded' }])
    expect((await stage.diffIds(name)).slice(0, base.length)).toEqual(base)
  }
  const mails = new Map<string, number>()
  for (const { mail } of smtp.received) mails.set(mail.messageId!, (mails.get(mail.messageId!) ?? 0) + 1)
  expect(mails.size).toBe(1)
  expect(Math.max(...mails.values())).toBeLessThanOrEqual(2)
}

describe('the service is killed while the story goes on', () => {
  test('rebases, our small registry', () => survive(rebaseStage, ['app/child', 'app/grand'], 4, 1200), 1_800_000)
})

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('the service is killed while Docker builds', () => {
  const names = ['app/child', 'app/grand', 'app/left', 'app/right', 'app/top']
  test("a chain and a diamond, Debian's registry", () => survive(dockerStage, names, 3, 3000), 1_800_000)
})
