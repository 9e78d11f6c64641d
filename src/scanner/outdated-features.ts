import { keyOfRef } from '../access/key-of-ref.ts'
import { withheldFromViewerOf } from '../access/withheld-from.ts'
import type { Deps } from '../deps.ts'
import { tagUrl } from '../links.ts'
import type { ScannedTag } from './scanned-image.ts'

/** Clair v1's words: https://github.com/quay/clair/blob/v2.1.8/api/v1/models.go */
export type Vulnerability = {
  Name: string
  NamespaceName: string
  Description: string
  Link: string
  Severity: 'Medium' | 'Low'
  FixedBy: string
}
export type Feature = { Name: string; NamespaceName: string; Version: string; Vulnerabilities?: Vulnerability[] }

type Row = {
  id: number
  base: string
  role: 'runtime' | 'build' | 'unknown'
  from: string | null
  to: string
  via: string | null
  confidence: 'declared' | 'inferred' | 'ambiguous'
}

/**
 * The bases that have moved under these tags, as packages with a vulnerability each; every base once. Of what a viewer of a tag's
 * namespace may not read, the name is withheld.
 */
export async function outdatedFeatures(
  d: Pick<Deps, 'sql' | 'config'>,
  tags: readonly ScannedTag[],
): Promise<Feature[]> {
  if (tags.length === 0) return []
  const platforms = new Map(tags.map(({ id, platform }) => [id, platform]))
  const rows = await d.sql<(Row & { platforms: string[] })[]>`
    select tag_id as id, base, role, from_digest as "from", to_digest as "to", via, confidence, platforms
    from cause where tag_id = any(${[...platforms.keys()]}::int[]) and counted order by base, tag_id, role`
  const features = new Map<string, Feature>()
  for (const { ref, id, platform } of tags)
    for (const row of rows)
      if (row.id === id && concerns(row.platforms, platform) && !features.has(row.base))
        features.set(row.base, await shown(d, ref, row))
  return [...features.values()]
}

const concerns = (platforms: readonly string[], own: string | null): boolean =>
  own === null || platforms.length === 0 || platforms.includes(own)

async function shown(d: Pick<Deps, 'sql' | 'config'>, ref: string, row: Row): Promise<Feature> {
  const { base, via } = await withheldFromViewerOf(d, keyOfRef(d, ref) ?? '_', { base: row.base, via: row.via })
  const from = row.from === null ? 'an earlier digest' : short(row.from)
  const how = via === null ? (row.role === 'build' ? ', in a build stage' : '') : `, through ${via}`
  return {
    Name: base,
    NamespaceName: 'drydock',
    Version: from,
    Vulnerabilities: [
      {
        Name: `Outdated base: ${base}`,
        NamespaceName: 'drydock',
        Description: `${ref} is based on ${base}${how}, which has moved since: ${from} → ${short(row.to)}.`,
        Link: tagUrl(d.config.publicUrl, ref),
        Severity: row.confidence === 'ambiguous' ? 'Low' : 'Medium',
        FixedBy: short(row.to),
      },
    ],
  }
}

/** "sha256:" and twelve hex digits. */
const short = (digest: string): string => digest.slice(0, digest.indexOf(':') + 13)
