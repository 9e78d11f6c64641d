import { keyOfRef } from '../access/key-of-ref.ts'
import { withheldFromViewerOf } from '../access/withheld-from.ts'
import type { Deps } from '../deps.ts'
import { type Feature, findingOf, type Outdated } from './finding-of.ts'
import type { ScannedTag } from './scanned-image.ts'

type Row = Outdated & { id: number; base: string; platforms: string[] }

/**
 * The bases that have moved under these tags, as packages with a vulnerability each; every base of a tag once. Portus shows all of it at
 * each of them: of what a viewer of any of their namespaces may not read, the name is withheld.
 */
export async function outdatedFeatures(
  d: Pick<Deps, 'sql' | 'config'>,
  tags: readonly ScannedTag[],
): Promise<Feature[]> {
  if (tags.length === 0) return []
  const counting = tags.filter(({ counts }) => counts)
  const rows = await d.sql<Row[]>`
    select tag_id as id, base, role, from_digest as "from", to_digest as "to", via, confidence, platforms
    from cause where tag_id = any(${counting.map(({ id }) => id)}::int[]) and counted order by base, tag_id, role`
  const all = counting.flatMap(({ id, platform }) => {
    const own = new Map<string, Row>()
    for (const row of rows)
      if (row.id === id && concerns(row.platforms, platform) && !own.has(row.base)) own.set(row.base, row)
    return [...own.values()]
  })
  const found = (await told(d, namespaceOfAll(d, tags), all)).map((row) => findingOf(d.config.publicUrl, row))
  return [...new Map(found.map((one) => [one.Vulnerabilities[0]!.Name, one])).values()]
}

/** "" for several: no namespace is read by viewers of all of them because it is their own. */
function namespaceOfAll(d: Pick<Deps, 'config'>, tags: readonly ScannedTag[]): string {
  const keys = new Set(tags.map(({ ref }) => keyOfRef(d, ref)))
  return keys.size === 1 ? [...keys][0]! : ''
}

const concerns = (platforms: readonly string[], own: string | null): boolean =>
  own === null || platforms.length === 0 || platforms.includes(own)

/** With null for each name that is not told. */
async function told(d: Pick<Deps, 'sql' | 'config'>, viewed: string, rows: readonly Row[]): Promise<Outdated[]> {
  const named = rows.map(({ base, via }) => ({ base, via }))
  const shown = await withheldFromViewerOf(d, viewed, named)
  const same = (said: string, shown: string) => (said === shown ? said : null)
  return rows.map((row, i) => {
    const { base, via } = shown[i]!
    return { ...row, base: same(row.base, base), via: row.via === null ? null : same(row.via, via!) }
  })
}
