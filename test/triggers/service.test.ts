import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { rotateKey } from '../../src/build/rotate-key.ts'
import { makeVault } from '../../src/build/vault.ts'
import { eventually } from '../../src/demo/watch.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { makeService, type TestService } from '../support/service.ts'
import { github } from './payloads.ts'

/** The service as a process: what is wired together in main.ts. */
let pg: TestDatabase
let service: TestService
const settings = {
  ...{ DRYDOCK_BUILDER: 'rebase', DRYDOCK_REGISTRY_URL: 'http://127.0.0.1:9', DRYDOCK_REGISTRY_NAME: 'reg:5000' },
  DRYDOCK_SECRET_KEY: 'the-old-key-of-the-tests',
}
beforeAll(async () => {
  pg = await testDatabase()
  service = await makeService(pg.url)
})
afterAll(async () => {
  await service.close()
  await pg.close()
})

const deliver = async (secret: string, event: string, said: object) => {
  const body = JSON.stringify(said)
  const signature = createHmac('sha256', secret).update(body).digest('hex')
  const headers = { 'x-github-event': event, 'x-hub-signature-256': `sha256=${signature}` }
  return (await fetch(`${service.url}/v2/webhooks/git/app`, { method: 'POST', body, headers })).status
}

test('pushes and schedules build; a service whose key is rotated ends, and starts with the new one alone', async () => {
  await service.start(settings)
  const secret = 'a-secret-of-a-git-hook'
  await service.api('PUT', '/namespaces/app/git-hook', { secret })
  const git = { url: 'https://git.example/team/app.git', ref: 'main' }
  await service.api('PUT', '/recipes/app%2Fpushed%3A1', { git, gitPush: {} })
  await service.api('PUT', '/recipes/app%2Ftimed%3A1', { git, schedule: '0 0 1 1 *' })
  await pg.sql`update recipe set due_at = now() where ref like '%timed%'`
  expect([await deliver(secret, 'push', github()), await deliver('x', 'push', github())]).toEqual([202, 401])
  const kinds = await eventually('both builds are there', 90, async () => {
    const rows = await pg.sql<{ kind: string }[]>`select reason->>'kind' as kind from build order by 1`
    return rows.length === 2 ? rows.map((row) => row.kind) : null
  })
  expect(kinds).toEqual(['git-push', 'schedule'])

  const key = 'the-new-key-of-the-tests'
  await rotateKey(pg.sql, makeVault(settings.DRYDOCK_SECRET_KEY), makeVault(key))
  await eventually('the service has ended', 90, async () =>
    (await fetch(`${service.url}/healthz`).catch(() => null)) === null ? true : null,
  )
  expect(service.log()).toContain('DRYDOCK_SECRET_KEY was rotated')
  await expect(service.start(settings)).rejects.toThrow(/sealed under another key than DRYDOCK_SECRET_KEY/)
  await service.start({ ...settings, DRYDOCK_SECRET_KEY: key })
  expect(await deliver(secret, 'ping', {})).toBe(200)
})
