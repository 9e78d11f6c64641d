import { expect, test } from '@jest/globals'
import { eventually } from '../../src/demo/watch.ts'
import { testDatabase } from '../support/postgres.ts'
import { makeService } from '../support/service.ts'
import { host, ref, storedVerdicts } from './stored-verdicts.ts'

/** Less than the two minutes after which it looks without any event. */
const patience = 100

test('a service that starts looks at once at what is to be built, whatever was lost while it was down', async () => {
  const pg = await testDatabase()
  const s = storedVerdicts(pg.sql, () => new Date())
  await s.push('lib/base', 'base-1')
  await s.judge('lib/base', [])
  await s.push('app/child', 'child-1')
  await s.recipe('app/child')
  await s.push('lib/base', 'base-2')
  await s.judge('app/child', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
  const service = await makeService(pg.url)
  try {
    const registry = { DRYDOCK_REGISTRY_URL: `http://${host}`, DRYDOCK_REGISTRY_INSECURE: 'true' }
    await service.start({ ...registry, DRYDOCK_SETTLE: '3600', DRYDOCK_BUILDER: 'rebase' }, 'worker')
    const root = await eventually('there is a plan', patience, async () => {
      const [made] = await pg.sql<{ root: string }[]>`select root from plan`
      return made?.root ?? null
    })
    expect(root).toBe(`${ref('lib/base')}@base-2`)
  } finally {
    await service.close()
    await pg.close()
  }
})
