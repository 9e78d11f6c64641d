import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { replay } from '../../src/inbox/replay.ts'
import { openStage, type Stage } from './stage.ts'

/** Events that state no fact, as Harbor's: handling one asks the registry. */
let s: Stage
beforeAll(async () => {
  s = await openStage()
})
beforeEach(() => s.clear())
afterAll(() => s.close())

const tell = async (type: 'PUSH_ARTIFACT' | 'DELETE_ARTIFACT', repository: string, tag: string, digest: string) => {
  const resources = [{ digest, tag, resource_url: `harbor.test/${repository}:${tag}` }]
  const event_data = { resources, repository: { repo_full_name: repository } }
  const body = JSON.stringify({ type, occur_at: 1_600_000_000, operator: 'admin', event_data })
  const headers = { authorization: 'Bearer hook' }
  expect((await fetch(`${s.webhookUrl}/harbor`, { method: 'POST', headers, body })).status).toBe(202)
  await s.drain()
}

test('a tag is found where it is, with the time of the answer, whatever the event says of digest and time', async () => {
  const digest = await s.image('lib/a', '1', ['one'])
  await tell('PUSH_ARTIFACT', 'lib/a', '1', `sha256:${'9'.repeat(64)}`)
  expect(await s.rows.heads()).toEqual({ 'lib/a:1': digest })
  expect(await s.rows.manifests()).toEqual({ [digest]: 'image' })
  const [span] = await s.rows.spans()
  expect(span).toMatch(new RegExp(`^lib/a:1 ${digest} \\d+-~$`))
  expect(span).not.toContain('1600000000')
  expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', reason: null, error: null, attempts: 1 }])
})

test('a digest without a tag: its content is learnt, and it is no push at a time that nobody knows', async () => {
  const digest = await s.image('lib/a', null, ['one'])
  await tell('PUSH_ARTIFACT', 'lib/a', digest, digest)
  expect(await s.rows.manifests()).toEqual({ [digest]: 'image' })
  expect(await s.rows.heads()).toEqual({})
  const [manifest] = await s.pg.sql<{ firstPushAt: bigint | null; seen: boolean }[]>`
    select first_push_at, first_seen_at is not null as seen from manifest where digest = ${digest}`
  expect(manifest).toEqual({ firstPushAt: null, seen: true })
})

test('a delete asks for every tag that is known on the digest; those that moved on stay', async () => {
  const old = await s.image('lib/a', '1', ['one'])
  await s.image('lib/a', '2', ['one'])
  await s.image('lib/a', '3', ['one'])
  for (const tag of ['1', '2', '3']) await tell('PUSH_ARTIFACT', 'lib/a', tag, old)
  const moved = await s.image('lib/a', '3', ['three'])
  await fetch(`${s.target}/v2/lib/a/manifests/${old}`, { method: 'DELETE' })
  await tell('DELETE_ARTIFACT', 'lib/a', '1', old)
  expect(await s.rows.heads()).toEqual({ 'lib/a:1': null, 'lib/a:2': null, 'lib/a:3': moved })
})

test('a delete that is not true deletes nothing', async () => {
  const digest = await s.image('lib/a', '1', ['one'])
  await tell('PUSH_ARTIFACT', 'lib/a', '1', digest)
  await tell('DELETE_ARTIFACT', 'lib/a', '1', digest)
  expect(await s.rows.heads()).toEqual({ 'lib/a:1': digest })
})

test('what is nowhere leaves no trace', async () => {
  await tell('PUSH_ARTIFACT', 'lib/never', '1', `sha256:${'9'.repeat(64)}`)
  await tell('DELETE_ARTIFACT', 'lib/never', '1', `sha256:${'9'.repeat(64)}`)
  expect(await s.rows.heads()).toEqual({})
  expect(await s.pg.sql`select name from repository`).toEqual([])
  expect((await s.rows.events()).map(({ outcome }) => outcome)).toEqual(['handled', 'handled', 'handled'])
})

test('a registry that cannot be asked: the event says so and is tried again; nothing is taken for deleted', async () => {
  const digest = await s.image('lib/a', '1', ['one'])
  await tell('PUSH_ARTIFACT', 'lib/a', '1', digest)
  s.proxy.misbehave(() => ({ status: 503 }))
  const moved = await s.image('lib/a', '1', ['two'])
  await tell('PUSH_ARTIFACT', 'lib/a', '1', moved)
  const failed = (await s.rows.events()).filter(({ outcome }) => outcome === 'failed')
  expect(failed).toMatchObject([{ error: { code: expect.any(String) }, nextTryAt: expect.any(Date), handledAt: null }])
  expect(await s.rows.heads()).toEqual({ 'lib/a:1': digest })
  s.proxy.misbehave(() => undefined)
  expect(await replay(s.d, failed[0]!.id)).toBe('replayed')
  await s.drain()
  expect(await s.rows.heads()).toEqual({ 'lib/a:1': moved })
  expect((await s.rows.events()).map(({ outcome }) => outcome)).toEqual(['handled', 'handled'])
})
