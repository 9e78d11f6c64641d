import { keyOfRef } from '../access/key-of-ref.ts'
import { withheldFromViewerOf } from '../access/withheld-from.ts'
import type { Deps } from '../deps.ts'
import { type Feature, findingOf, type Outdated } from './finding-of.ts'
import type { ScannedTag } from './scanned-image.ts'

type Row = Outdated & { id: number; base: string; platforms: string[] }

/**
 * The bases that have moved under these tags, as packages with a vulnerability each; every base of a tag once. Of what a viewer of the
 * tag's namespace may not read, the name is withheld.
 */
export async function outdatedFeatures(
  d: Pick<Deps, 'sql' | 'config'>,
  tags: readonly ScannedTag[],
): Promise<Feature[]> {
  if (tags.length === 0) return []
  const platforms = new Map(tags.map(({ id, platform }) => [id, platform]))
  const rows = await d.sql<Row[]>`
    select tag_id as id, base, role, from_digest as "from", to_digest as "to", via, confidence, platforms
    from cause where tag_id = any(${[...platforms.keys()]}::int[]) and counted order by base, tag_id, role`
  const features = new Map<string, Feature>()
  for (const { ref, id, platform } of tags) {
    const own = new Map<string, Row>()
    for (const row of rows)
      if (row.id === id && concerns(row.platforms, platform) && !own.has(row.base)) own.set(row.base, row)
    for (const outdated of await told(d, ref, [...own.values()])) {
      const found = findingOf(d.config.publicUrl, outdated)
      features.set(found.Vulnerabilities[0]!.Name, found)
    }
  }
  return [...features.values()]
}

const concerns = (platforms: readonly string[], own: string | null): boolean =>
  own === null || platforms.length === 0 || platforms.includes(own)

/** With null for each name that is not told. */
async function told(d: Pick<Deps, 'sql' | 'config'>, ref: string, rows: readonly Row[]): Promise<Outdated[]> {
  const named = rows.map(({ base, via }) => ({ base, via }))
  const shown = await withheldFromViewerOf(d, keyOfRef(d, ref) ?? '_', named)
  const same = (said: string, shown: string) => (said === shown ? said : null)
  return rows.map((row, i) => {
    const { base, via } = shown[i]!
    return { ...row, base: same(row.base, base), via: row.via === null ? null : same(row.via, via!) }
  })
}
