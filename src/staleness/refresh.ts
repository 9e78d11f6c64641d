/**
 * in: rows of `dirty` (tags and manifests whose facts changed).
 * out: verdicts of every tag they may concern (`tag`, `cause`), the dirty rows gone, `notify` and `plan` enqueued.
 * guarantees: one refresh at a time; what is stored equals a judgement from scratch once `dirty` is empty.
 */
import type { Deps } from '../deps.ts'
import { loadWorld } from '../lineage/load-world.ts'
import type { StoredCause } from '../lineage/world.ts'
import { affectedTags } from './affected.ts'
import { conclude, findingsOf, type TagFindings } from './judge.ts'
import { saveVerdicts } from './save-verdicts.ts'
import type { Verdict } from './verdict.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log'>

const dirtyAtOnce = 1000
const tagsAtOnce = 1000
/** Any number, the same in every process: the advisory lock that makes refreshes queue up. */
const refreshLock = 7_233_001

/** Judges until nothing is dirty. May be called from anywhere; callers queue up on an advisory lock. */
export async function refresh(d: Needs): Promise<void> {
  await d.sql.begin(async (lock) => {
    await lock`select pg_advisory_xact_lock(${refreshLock})`
    while (await refreshSome(d)) {
      // the next batch
    }
  })
}

/** One batch: read and judge in one snapshot, then write. A fact that lands in between brings its own dirty row. */
async function refreshSome(d: Needs): Promise<boolean> {
  const judged = await d.sql.begin('isolation level repeatable read read only', async (tx) => {
    const dirty = await tx<{ id: number; kind: 'tag' | 'manifest'; key: string }[]>`
      select id, kind, key from dirty order by id limit ${dirtyAtOnce}`
    if (dirty.length === 0) return null
    const keys = (kind: string) => [...new Set(dirty.filter((row) => row.kind === kind).map((row) => row.key))]
    const refs = [...(await affectedTags(tx, { tags: keys('tag'), manifests: keys('manifest') }))]
    const set = new Set(refs)
    const findings: TagFindings[] = []
    const outside = new Map<string, StoredCause[]>()
    for (let i = 0; i < refs.length; i += tagsAtOnce) {
      const part = refs.slice(i, i + tagsAtOnce)
      const world = await loadWorld(tx, part, set)
      const found = part.map((ref) => findingsOf(world, ref)).filter((f) => f !== null)
      for (const { ref } of found.flatMap((f) => f.findings).flatMap((f) => f.links))
        if (!set.has(ref)) outside.set(ref, world.storedCauses(ref))
      findings.push(...found)
    }
    const verdicts = conclude({ storedCauses: (ref) => outside.get(ref) ?? [] }, findings)
    return { ids: dirty.map((row) => row.id), refs, verdicts }
  })
  if (!judged) return false
  await save(d, judged)
  return true
}

async function save(
  d: Needs,
  judged: { ids: number[]; refs: string[]; verdicts: Map<string, Verdict> },
): Promise<void> {
  const { ids, refs, verdicts } = judged
  await d.sql.begin(async (tx) => {
    for (let i = 0; i < refs.length; i += tagsAtOnce)
      await saveVerdicts(tx, refs.slice(i, i + tagsAtOnce), verdicts, d.clock())
    await tx`delete from dirty where id = any(${ids})`
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
  })
  d.log.debug({ dirty: ids.length, tags: refs.length }, 'refreshed')
}
