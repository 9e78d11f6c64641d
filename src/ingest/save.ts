import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Instant } from '../oci/instant.ts'
import { canonicalRef, namespaceOf } from '../oci/reference.ts'
import { lookAtDeclared } from './look-at-declared.ts'
import type { ObservedDeclaration, ObservedManifest } from './observe.ts'
import { saveContent } from './save-content.ts'
import { saveTagFact } from './save-tag-fact.ts'

/** One descriptor of an index, as stored. */
export type ObservedEntry = {
  indexDigest: string
  position: number
  manifestDigest: string
  platform: string | null
  attestation: boolean
  attests: string | null
}

/** Content learnt from a registry. `sighted`: every digest that is there with it, known before or not. */
export type Learned = {
  manifests: ObservedManifest[]
  entries: ObservedEntry[]
  declarations: ObservedDeclaration[]
  sighted: string[]
}

/**
 * What was observed of a tag, or (tag "") of a digest alone. A push without a tag is no fact of a tag and moves only
 * the times of its content. `exact` false: found by asking at `at`.
 */
export type Observation = {
  registryId: number
  host: string
  repository: string
  tag: string
  kind: 'push' | 'delete'
  digest: string | null
  at: Instant
  sourceId: string
  exact: boolean
}

/** What a save changed: canonical refs and manifest digests. Both are marked dirty. */
export type Changes = { tags: string[]; manifests: string[] }

export const nothingLearned: Learned = { manifests: [], entries: [], declarations: [], sighted: [] }

/**
 * Appends an observation with its content, and folds the tag's timeline anew. Keys: manifest digest, (index, position),
 * (subject, evidence, source, position), (repository, source, kind, tag); saying anything twice changes nothing.
 * Rows that many transactions may want are taken in one order: repository, manifests by digest, …, dirty by key.
 */
export async function save(
  d: Pick<Deps, 'jobs' | 'registries'>,
  tx: Tx,
  observation: Observation | null,
  learned: Learned,
): Promise<Changes> {
  const repositoryId = observation && (await lockRepository(tx, observation))
  const content = await saveContent(tx, named(d, learned), observation)
  const ofTag = observation !== null && (observation.tag !== '' || observation.kind === 'delete')
  const tags = ofTag ? await saveTagFact(tx, repositoryId!, observation) : []
  await markDirty(d, tx, { tags, manifests: content.manifests })
  await lookAtDeclared(d, tx, content.declarations)
  return { tags, manifests: content.manifests }
}

/** What content says of bases, under the names of their registries: the one place that declarations from outside come through. */
const named = ({ registries }: Pick<Deps, 'registries'>, learned: Learned): Learned => ({
  ...learned,
  declarations: learned.declarations.map((declaration) =>
    declaration.name === null
      ? declaration
      : { ...declaration, name: canonicalRef(registries.canonicalHost, declaration.name) },
  ),
})

/** Creates the repository where it is new and holds it, so that ingests of one tag come one after another. */
async function lockRepository(tx: Tx, o: Observation): Promise<number> {
  const locked = () => tx<{ id: number }[]>`
    select id from repository where registry_id = ${o.registryId} and name = ${o.repository} for no key update`
  const [known] = await locked()
  if (known) return known.id
  await tx`
    insert into repository (registry_id, name, namespace) values (${o.registryId}, ${o.repository}, ${namespaceOf(o.repository)})
    on conflict (registry_id, name) do nothing`
  const [created] = await locked()
  return created!.id
}

/**
 * Marks what must be judged again. Marks are only appended: refresh deletes them by the ids it read, and so never one that was
 * set after it read the facts, and no writer waits for a refresh.
 */
export async function markDirty(d: Pick<Deps, 'jobs'>, tx: Tx, changes: Changes): Promise<void> {
  const marks = [
    ...changes.manifests.map((key) => ({ kind: 'manifest', key })),
    ...changes.tags.map((key) => ({ kind: 'tag', key })),
  ]
  if (marks.length === 0) return
  await tx`
    insert into dirty (kind, key)
    select distinct kind::dirty_kind, key
    from unnest(${marks.map((m) => m.kind)}::text[], ${marks.map((m) => m.key)}::text[]) as m (kind, key)
    order by 1, 2`
  await d.jobs.enqueue(tx, 'refresh', {}, { key: 'refresh', queue: 'refresh' })
}
