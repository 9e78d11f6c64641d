import type { Sql } from '../../src/db/postgres.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { type Built, estate, layer } from '../support/estate.ts'
import { markDirty, storeEstate } from '../support/store-estate.ts'

const host = 'reg:5000'
export type On = { base: string; role?: 'runtime' | 'build'; pinned?: boolean }

/** Tags by what they are built on; each remembers it, so that it can be built again on what its bases are then. */
export function family(d: Parameters<typeof refresh>[0]) {
  const e = estate()
  const heads = new Map<string, Built>()
  const recipes = new Map<string, On[]>()
  let built = 0
  function make(ref: string, evidence: 'annotation' | 'build' | null): Built {
    const on = recipes.get(ref)!
    const runtime = on.find((one) => one.role !== 'build')
    const own = [layer(`${ref} ${++built}`)]
    const made = runtime ? e.from(heads.get(runtime.base)!, own) : e.build(own)
    if (evidence)
      for (const { base, role, pinned } of on) {
        const digest = e.digest(heads.get(base)!)
        e.declare(made, role === 'build' ? 'build' : evidence, {
          ...{ name: pinned ? `${host}/${base}@${digest}` : `${host}/${base}`, digest },
          ...(role ? { role } : {}),
        })
      }
    return made
  }
  function publish(ref: string, made: Built): Built {
    heads.set(ref, made)
    e.push(ref, made)
    return made
  }
  return {
    e,
    push(ref: string, on: On[] = [], evidence: 'annotation' | null = 'annotation') {
      recipes.set(ref, on)
      return publish(ref, make(ref, evidence))
    },
    /** On what its bases are now; nobody sees it before it is published. */
    build: (ref: string) => make(ref, 'build'),
    publish,
    rebuild: (ref: string) => publish(ref, make(ref, 'build')),
    digest: (ref: string) => e.digest(heads.get(ref)!),
    async store() {
      await storeEstate(d.sql, e.rows())
      await markDirty(
        d.sql,
        e.rows().tags.map((tag) => ({ kind: 'tag' as const, key: tag.ref })),
      )
      await refresh(d)
    },
  }
}

export async function storeRecipe(
  sql: Sql,
  name: string,
  more: { auto?: boolean; on?: 'all' | 'runtime'; strategy?: string; tags?: string[] } = {},
): Promise<void> {
  const spec = {
    auto: true,
    on: 'runtime' as const,
    strategy: 'rebase',
    git: { url: 'https://git.test/x', ref: 'main' },
    ...more,
  }
  await sql`
    insert into recipe (ref, spec, auto, count_on, updated_at)
    values (${`${host}/${name}`}, ${JSON.stringify(spec)}::text::jsonb, ${spec.auto}, ${spec.on}, now())`
}
