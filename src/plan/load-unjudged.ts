import type { Tx } from '../db/postgres.ts'
import { affectedTags } from '../staleness/affected.ts'

/** More than this, and nothing is decided at all: a refresh is at work, and plans again. */
const most = 1000

/** Tags whose verdict may change when the facts that wait are judged. The refresh that judges them plans again. */
export async function unjudgedTags(tx: Tx): Promise<ReadonlySet<string> | 'too-many'> {
  const dirty = await tx<{ kind: 'tag' | 'manifest'; key: string }[]>`
    select distinct kind, key from dirty limit ${most + 1}`
  if (dirty.length > most) return 'too-many'
  if (dirty.length === 0) return new Set()
  const keys = (kind: string) => dirty.filter((row) => row.kind === kind).map((row) => row.key)
  const { judge, heirs } = await affectedTags(tx, { tags: keys('tag'), manifests: keys('manifest') })
  return new Set([...judge.map((tag) => tag.ref), ...heirs])
}
