import { ownKeyOf } from '../access/key-of-ref.ts'
import type { Deps } from '../deps.ts'
import type { ObservedOrigin } from '../ingest/observe-origin.ts'
import { ancestorLevels } from '../lineage/ancestors.ts'
import { loadWorld } from '../lineage/load-world.ts'
import { platformsOf } from '../lineage/platform-manifest.ts'
import { type EvidenceKind, headOf } from '../lineage/world.ts'
import type { BuildRequest } from '../oci/build-origin.ts'
import { parseReference } from '../oci/reference.ts'
import { listCredentials } from './credentials.ts'
import { type Proposal, proposeRecipe } from './propose-recipe.ts'
import { isUnderPrefix } from './url-prefix.ts'

const strength: EvidenceKind[] = ['provenance', 'annotation', 'label']

/** A recipe for a tag from what stands under it: null where nothing says what it was built from. */
export async function loadProposal(
  d: Pick<Deps, 'sql' | 'db' | 'config'>,
  ref: string,
): Promise<Proposal | 'no-such-tag' | null> {
  const world = await loadWorld(d.sql, [ref], new Set([ref]))
  const head = headOf(world.tag(ref))
  if (!head) return 'no-such-tag'
  const platforms = platformsOf(world, head.digest)
  const ancestors = new Map(
    platforms.map(({ digest, manifest }) => [
      digest,
      (manifest ? ancestorLevels(world, manifest) : []).flat(2).map((base) => base.digest),
    ]),
  )
  const subjects = [...platforms.map((platform) => platform.digest), head.digest]
  const all = await originsOf(d, [...new Set([...subjects, ...[...ancestors.values()].flat()])])
  const said = [...new Set(subjects)].flatMap((subject) => {
    const bases = all.filter((o) => o.evidence === 'label' && (ancestors.get(subject) ?? []).includes(o.subject))
    return all.filter((o) => o.subject === subject).flatMap((o) => ownPart(o, bases))
  })
  const ranked = strength.flatMap((kind) => said.filter((origin) => origin.evidence === kind))
  const names = platforms.flatMap(({ platform }) => platform ?? [])
  const proposal = proposeRecipe(ranked, { platforms: names, gitProtocols: d.config.gitProtocols })
  return proposal && withCredential(d, ref, proposal)
}

/** Where the namespace has one git credential for that address, the recipe names it. */
async function withCredential(d: Pick<Deps, 'db' | 'config'>, ref: string, proposal: Proposal): Promise<Proposal> {
  const target = parseReference(ref)
  if (!target || !proposal.acceptable) return proposal
  const { recipe } = proposal
  const own = ownKeyOf(d, target)
  const all = own === null ? [] : await listCredentials(d, own)
  const fitting = all.filter(
    ({ kind, urlPrefix }) => /^(git|ssh)$/.test(kind) && isUnderPrefix(recipe.git.url, urlPrefix),
  )
  if (fitting.length !== 1) return proposal
  return { ...proposal, recipe: { ...recipe, git: { ...recipe.git, credential: fitting[0]!.name } } }
}

/** Labels are inherited: what a base's label says word for word too is its own source, or its own commit. */
function ownPart(origin: ObservedOrigin, bases: ObservedOrigin[]): ObservedOrigin[] {
  if (origin.evidence !== 'label') return [origin]
  if (bases.some((base) => base.url === origin.url && base.revision === origin.revision)) return []
  return bases.some((base) => base.revision === origin.revision) ? [{ ...origin, revision: null }] : [origin]
}

/** `request` as text: the driver would rename the build arguments in it. */
async function originsOf({ sql }: Pick<Deps, 'sql'>, subjects: string[]): Promise<ObservedOrigin[]> {
  const rows = await sql<(Omit<ObservedOrigin, 'request'> & { request: string })[]>`
    select subject, evidence, source, url, revision, dockerfile, context, request::text as request from origin
    where subject = any(${subjects}) order by subject, evidence, source`
  return rows.map((row) => ({ ...row, request: JSON.parse(row.request) as BuildRequest }))
}
