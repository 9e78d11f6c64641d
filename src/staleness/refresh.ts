/**
 * in: rows of `dirty` (tags and manifests whose facts changed).
 * out: verdicts of every tag they may concern (`tag`, `cause`), the dirty rows gone, `notify` and `plan` enqueued.
 * guarantees: one refresh at a time; what is stored equals a judgement from scratch once `dirty` is empty.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { loadWorld, storedCauses } from '../lineage/load-world.ts'
import type { World } from '../lineage/world.ts'
import { curateDirty } from '../policy/curate.ts'
import { markTags } from '../scanner/mark-shown.ts'
import { affectedTags, type Pointer } from './affected.ts'
import { conclude, findingsOf, type TagFindings } from './judge.ts'
import { type KeptRow, recall } from './kept-findings.ts'
import { saveVerdicts } from './save-verdicts.ts'
import type { Verdict } from './verdict.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log'>

const dirtyAtOnce = 1000
const tagsAtOnce = 1000
const savedAtOnce = 5000
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

/** `judged`: findings made anew, to be kept; a deleted tag has none. */
type Batch = {
  ids: number[]
  refs: string[]
  judged: ReadonlyMap<string, TagFindings>
  verdicts: ReadonlyMap<string, Verdict>
}

/** One batch: read and judge in one snapshot, then write. A fact that lands in between brings its own dirty row. */
async function refreshSome(d: Needs): Promise<boolean> {
  const batch = await d.sql.begin('isolation level repeatable read read only', judgeSome)
  if (!batch) return false
  await save(d, batch)
  return true
}

async function judgeSome(tx: Tx): Promise<Batch | null> {
  const dirty = await tx<{ id: number; kind: 'tag' | 'manifest'; key: string }[]>`
    select id, kind, key from dirty order by id limit ${dirtyAtOnce}`
  if (dirty.length === 0) return null
  const keys = (kind: string) => [...new Set(dirty.filter((row) => row.kind === kind).map((row) => row.key))]
  const affected = await affectedTags(tx, { tags: keys('tag'), manifests: keys('manifest') })
  const { recalled, forgotten } = await recallAll(tx, affected.heirs)
  const toJudge = [...affected.judge, ...forgotten]
  const refs = [...affected.judge.map((tag) => tag.ref), ...affected.heirs]
  const set = new Set(refs)
  const judged: TagFindings[] = []
  for await (const { part, world } of worldsOf(tx, toJudge, set))
    judged.push(...part.flatMap((ref) => findingsOf(world, ref) ?? []))
  const findings = [...judged, ...recalled]
  const links = findings.flatMap((tag) => tag.findings).flatMap((at) => at.links.map((link) => link.ref))
  const outside = await storedCauses(
    tx,
    [...new Set(links)].filter((ref) => !set.has(ref)),
  )
  return {
    ids: dirty.map((row) => row.id),
    refs,
    judged: new Map(judged.map((tag) => [tag.ref, tag])),
    verdicts: conclude({ storedCauses: (ref) => outside.get(ref) ?? [] }, findings),
  }
}

/** What is kept of those that only inherit; `forgotten`: those of which nothing usable is. */
async function recallAll(tx: Tx, refs: string[]): Promise<{ recalled: TagFindings[]; forgotten: Pointer[] }> {
  const recalled: TagFindings[] = []
  const forgotten: Pointer[] = []
  for (let i = 0; i < refs.length; i += savedAtOnce) {
    const rows = await tx<KeptRow[]>`
      select ref, head_digest, head_at, reach, platforms::text, findings::text from tag
      where ref = any(${refs.slice(i, i + savedAtOnce)}) and head_digest is not null`
    for (const row of rows) {
      const found = recall(row)
      if (found) recalled.push(found)
      else forgotten.push({ ref: row.ref, head: row.headDigest })
    }
  }
  return { recalled, forgotten }
}

/** Part by part; while one is judged the next is being read. */
async function* worldsOf(tx: Tx, tags: Pointer[], set: Set<string>): AsyncGenerator<{ part: string[]; world: World }> {
  if (tags.length === 0) return
  const read = async (from: number) => {
    const some = tags.slice(from, from + tagsAtOnce)
    const part = some.map((tag) => tag.ref)
    const heads = new Map(some.flatMap(({ ref, head }) => (head === null ? [] : [[ref, head] as const])))
    return { part, world: await loadWorld(tx, part, set, heads) }
  }
  for (let from = 0, next = read(0); from < tags.length; from += tagsAtOnce) {
    const now = await next
    if (from + tagsAtOnce < tags.length) {
      next = read(from + tagsAtOnce)
      next.catch(() => {}) // it is awaited above; until then its failure is nobody's yet
    }
    yield now
  }
}

async function save(d: Needs, { ids, refs, judged, verdicts }: Batch): Promise<void> {
  await d.sql.begin(async (tx) => {
    for (let i = 0; i < refs.length; i += savedAtOnce)
      await saveVerdicts(tx, refs.slice(i, i + savedAtOnce), { judged, verdicts }, d.clock())
    await markTags(tx, refs)
    await curateDirty(tx, ids)
    await tx`delete from dirty where id = any(${ids})`
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
  })
  d.log.debug({ dirty: ids.length, tags: refs.length, judged: judged.size }, 'refreshed')
}
