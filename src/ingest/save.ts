import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { type Instant, instantOf } from '../oci/instant.ts'
import { canonicalRef, namespaceOf } from '../oci/reference.ts'
import { type Back, bringBack } from './bring-back.ts'
import { lookAtDeclared } from './look-at-declared.ts'
import type { ObservedDeclaration, ObservedManifest } from './observe.ts'
import { saveContent } from './save-content.ts'
import { saveTagFacts } from './save-tag-facts.ts'

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

/** What was observed, and the content learnt with it. `back`: what is to be brought back before, as it cannot be yet. */
export type Finding = { observation: Observation | null; learned: Learned; back?: Back | null }

/**
 * Appends an observation with its content, and folds the tag's timeline anew. Keys: manifest digest, (index, position),
 * (subject, evidence, source, position), (repository, source, kind, tag); saying anything twice changes nothing.
 */
export const save = (
  d: Pick<Deps, 'jobs' | 'registries' | 'clock'>,
  tx: Tx,
  observation: Observation | null,
  learned: Learned,
): Promise<Changes> => saveAll(d, tx, [{ observation, learned }])

/**
 * Many at once, in as many statements as one takes.
 * Rows that many transactions may want are taken in one order: repositories by name, manifests by digest, …, dirty by key.
 */
export async function saveAll(
  d: Pick<Deps, 'jobs' | 'registries' | 'clock'>,
  tx: Tx,
  findings: readonly Finding[],
): Promise<Changes> {
  const observations = findings.flatMap(({ observation }) => observation ?? [])
  const late = findings.flatMap(({ back }) => back ?? [])
  const repositoryIds = await lockRepositories(tx, [...observations, ...late])
  const refold: { repositoryId: number; host: string; repository: string; tag: string }[] = []
  const retimed: string[] = []
  for (const back of late) {
    const repositoryId = repositoryIds.get(repositoryKey(back))!
    const { tags, manifests } = await bringBack(tx, repositoryId, back)
    refold.push(...tags.map((tag) => ({ ...back, repositoryId, tag })))
    retimed.push(...manifests)
  }
  const content = await saveContent(
    tx,
    findings.map(({ observation, learned }) => ({ learned: named(d, learned), seen: observation })),
  )
  const ofTags = observations.filter((o) => o.tag !== '' || o.kind === 'delete')
  const { tags, dropped, overtaken } = await saveTagFacts(
    tx,
    ofTags.map((o) => ({ ...o, repositoryId: repositoryIds.get(repositoryKey(o))! })),
    { refold, now: instantOf(d.clock()) },
  )
  const manifests = [...new Set([...content.manifests, ...dropped, ...retimed])]
  await markDirty(d, tx, { tags, manifests })
  for (const ref of overtaken) await d.jobs.enqueue(tx, 'look', { ref }, { key: `look:${ref}` })
  await lookAtDeclared(d, tx, content.declarations)
  return { tags, manifests }
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

const repositoryKey = (o: Pick<Observation, 'registryId' | 'repository'>): string => `${o.registryId} ${o.repository}`

/** Creates repositories where they are new and holds them, so that ingests of one tag come one after another. */
async function lockRepositories(
  tx: Tx,
  observations: readonly Pick<Observation, 'registryId' | 'repository'>[],
): Promise<Map<string, number>> {
  const wanted = [...new Map(observations.map((o) => [repositoryKey(o), o])).entries()].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )
  const ids = new Map<string, number>()
  for (const [key, { registryId, repository }] of wanted) ids.set(key, await lockRepository(tx, registryId, repository))
  return ids
}

async function lockRepository(tx: Tx, registryId: number, name: string): Promise<number> {
  const locked = () => tx<{ id: number }[]>`
    select id from repository where registry_id = ${registryId} and name = ${name} for no key update`
  const [known] = await locked()
  if (known) return known.id
  await tx`
    insert into repository (registry_id, name, namespace) values (${registryId}, ${name}, ${namespaceOf(name)})
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
