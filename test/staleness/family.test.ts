import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { refresh } from '../../src/staleness/refresh.ts'
import { openStage, type Stage } from '../ingest/stage.ts'
import { type Delivery, familyHost, inOrder, loadFamily, postNotification, pushFamily } from '../support/family.ts'
import { type DebianRegistry, startDebianRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'

type Truth = {
  bases: Record<string, { immediate: string | null; evidence?: string[]; build?: string[]; platforms?: string[] }>
  artifacts: string[]
  outdated: { direct: string[]; inherited: Record<string, string>; stillAt: string[]; ambiguous: string[] }
  notOutdated: string[]
  buildRole: { tags: string[]; base: string }
  phases: { after: number; outdated: Record<string, { base: string; via: string | null }> }[]
}
type Cause = {
  ref: string
  base: string
  via: string | null
  role: string
  confidence: string
  stillAt: string[]
  counted: boolean
}
type Base = { ref: string; base: string; role: string; evidence: string[]; platform: string }

requires('docker-registry')('the family fixture, judged', () => {
  const { pushes, notifications, truth: read } = loadFamily()
  const truth = read as unknown as Truth
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

  const strip = (text: string) => text.replace(`${familyHost}/`, '')
  const settle = async () => {
    await s.drain()
    await refresh(s.d)
  }
  const causes = async () =>
    (
      await s.pg.sql<Cause[]>`
        select t.ref, c.base, c.via, c.role, c.confidence, c.still_at, c.counted from cause c join tag t on t.id = c.tag_id order by 1, 2, 4`
    ).map((c) => ({
      ...c,
      ref: strip(c.ref),
      base: strip(c.base),
      via: c.via && strip(c.via),
      stillAt: c.stillAt.map(strip),
    }))
  const outdated = async () =>
    Object.fromEntries((await causes()).filter((c) => c.counted).map((c) => [c.ref, { base: c.base, via: c.via }]))
  const bases = async () =>
    (
      await s.pg.sql<Base[]>`
        select t.ref, b->>'ref' as base, b->>'role' as role, p->>'platform' as platform,
          array(select jsonb_array_elements_text(b->'evidence')) as evidence
        from tag t, jsonb_array_elements(t.platforms) p, jsonb_array_elements(p->'bases') b`
    ).map((b) => ({ ...b, ref: strip(b.ref), base: strip(b.base) }))

  /** Everything the truth table says of the end. */
  async function compareWithTruth(): Promise<void> {
    expect(await outdated()).toEqual(truth.phases.at(-1)!.outdated)
    const found = await causes()
    const counted = found.filter((c) => c.counted)
    for (const ref of truth.outdated.direct) expect(counted.find((c) => c.ref === ref)?.via).toBeNull()
    for (const [ref, via] of Object.entries(truth.outdated.inherited))
      expect(counted.find((c) => c.ref === ref)?.via).toBe(via)
    const ambiguous = counted.filter((c) => c.confidence === 'ambiguous')
    expect(ambiguous.map((c) => c.ref).sort()).toEqual([...truth.outdated.ambiguous].sort())
    for (const c of ambiguous) expect(c.stillAt).toEqual(truth.outdated.stillAt)
    const listed = found.filter((c) => c.role === 'build')
    expect(listed.filter((c) => !c.counted).map((c) => c.ref)).toEqual([...truth.buildRole.tags].sort())
    for (const c of listed) expect(c.via).toBe(truth.buildRole.base)
    const status = new Map(
      (await s.pg.sql<{ ref: string; status: string }[]>`select ref, status from tag`).map((t) => [
        strip(t.ref),
        t.status,
      ]),
    )
    for (const ref of truth.notOutdated) expect(`${ref} ${status.get(ref)}`).toBe(`${ref} current`)
    for (const ref of truth.artifacts) expect(status.get(ref)).toBe('artifact')
    const held = await bases()
    for (const [ref, wanted] of Object.entries(truth.bases)) {
      const runtime = held.filter((b) => b.ref === ref && b.role === 'runtime')
      const name = wanted.immediate?.split(' ')[0] ?? null
      if (name === null) expect(runtime).toEqual([])
      else expect(runtime.find((b) => b.base === name)?.evidence).toEqual(wanted.evidence)
      for (const platform of wanted.platforms ?? []) expect(runtime.map((b) => b.platform)).toContain(platform)
      expect([...new Set(held.filter((b) => b.ref === ref && b.role === 'build').map((b) => b.base))].sort()).toEqual(
        [...(wanted.build ?? [])].sort(),
      )
    }
  }

  test.each<[string, Delivery, number]>([
    ['in order', 'in-order', 0],
    ['in reverse', 'reverse', 0],
    ['shuffled', 'shuffled', 1],
    ['shuffled otherwise', 'shuffled', 2],
    ['each twice', 'twice', 0],
  ])('%s, it comes out as the truth says', async (_, order, seed) => {
    for (const [i, { headers, body }] of inOrder(notifications, order, seed).entries()) {
      await postNotification(s.webhookUrl, 'hook', JSON.stringify(body), headers['content-type'])
      if (i % 29 === 0) await settle()
    }
    await settle()
    await compareWithTruth()
  })

  test('phase by phase', async () => {
    type Told = { events: { action: string; target: { mediaType?: string } }[] }
    const isPush = (e: Told['events'][number]) => e.action === 'push' && /manifest|index/.test(e.target.mediaType ?? '')
    const mattering = notifications.filter((n) => (n.body as unknown as Told).events.some(isPush))
    expect(mattering).toHaveLength(pushes.length)
    let sent = 0
    for (const phase of truth.phases) {
      for (; sent < phase.after; sent++) {
        const { headers, body } = mattering[sent]!
        await postNotification(s.webhookUrl, 'hook', JSON.stringify(body), headers['content-type'])
      }
      await settle()
      expect(await outdated()).toEqual(phase.outdated)
    }
  })
})
