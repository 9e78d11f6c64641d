import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { type Delivery, familyHost, inOrder, loadFamily, postNotification, pushFamily } from '../support/family.ts'
import { type DebianRegistry, startDebianRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { openStage, type Stage } from './stage.ts'

requires('docker-registry')('the family fixture, served by docker-registry', () => {
  const { pushes, notifications, truth } = loadFamily()
  let registry: DebianRegistry
  let s: Stage
  beforeAll(async () => {
    registry = await startDebianRegistry()
    await pushFamily(registry.url)
    s = await openStage(registry.url)
  })
  beforeEach(() => s.clear())
  afterAll(async () => {
    await s.close()
    await registry.close()
  })

  const deliver = async (order: Delivery, seed: number) => {
    for (const { headers, body } of inOrder(notifications, order, seed))
      await postNotification(s.webhookUrl, 'hook', JSON.stringify(body), headers['content-type'])
    await s.drain()
  }
  const facts = async () => ({
    heads: await s.rows.heads(),
    spans: await s.rows.spans(),
    manifests: await s.pg.sql`
      select digest, kind, platform, fault, first_push_at, last_chain, last_step, release_id, history_accounts from manifest order by digest`,
    entries: await s.pg.sql`select * from index_entry order by index_digest, position`,
    declarations: await s.pg.sql`
      select subject, evidence, source, position, name, digest, platform, role, pinned from declaration order by 1, 2, 3, 4`,
  })
  type Facts = Awaited<ReturnType<typeof facts>>
  let inTheirOrder: Facts

  test('in order: every head is where its last push left it, every event handled', async () => {
    await deliver('in-order', 0)
    inTheirOrder = await facts()
    const last = new Map(pushes.filter((p) => p.tag).map((p) => [`${p.repository}:${p.tag}`, p.digest]))
    expect(inTheirOrder.heads).toEqual(Object.fromEntries(last))
    const events = await s.rows.events()
    expect(events).toHaveLength(pushes.length)
    expect(events.every((event) => event.outcome === 'handled' && event.reason === null)).toBe(true)
  })

  test('what declares is what the truth names', async () => {
    await deliver('in-order', 0)
    const said = await s.pg.sql<{ ref: string; evidence: string; name: string }[]>`
      select distinct tag.ref, evidence, declaration.name from tag
      left join index_entry on index_digest = head_digest and not attestation
      join declaration on subject in (head_digest, manifest_digest)`
    const named = new Set(said.map((row) => `${row.ref} ${row.evidence} ${row.name}`))
    for (const [ref, { evidence, immediate, build }] of Object.entries(truth.bases)) {
      const bases = [immediate!, ...(build ?? [])].map((text) => text?.split(' ')[0])
      for (const kind of (evidence ?? []).filter((kind) => kind !== 'layers'))
        for (const base of bases) expect(named).toContain(`${familyHost}/${ref} ${kind} ${familyHost}/${base}`)
    }
    const kinds = await s.pg.sql<{ ref: string }[]>`
      select ref from tag join manifest on digest = head_digest where kind = 'artifact'`
    expect(kinds.map((row) => row.ref)).toEqual(truth.artifacts.map((ref) => `${familyHost}/${ref}`))
  })

  test.each<[Delivery, number]>([
    ['reverse', 0],
    ['twice', 0],
    ['shuffled', 1],
    ['shuffled', 2],
  ])('%s (%i): the same facts', async (order, seed) => {
    await deliver(order, seed)
    expect(await facts()).toEqual(inTheirOrder)
    expect((await s.rows.events()).every((event) => event.outcome === 'handled')).toBe(true)
  })

  test('every event lost: reconcile finds the same heads, and late events then the same history', async () => {
    await reconcile(s.d, { registry: familyHost })
    await s.drain()
    expect(await s.rows.heads()).toEqual(inTheirOrder.heads)
    await deliver('shuffled', 3)
    expect(await facts()).toEqual(inTheirOrder)
  })
})
