import { randomUUID } from 'node:crypto'
import type { Deps } from '../deps.ts'
import { registryId } from '../inbox/registry-id.ts'
import type { Digest } from '../oci/digest.ts'
import { instantOf } from '../oci/instant.ts'
import { namespaceOf, parseReference } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { inTransaction } from './in-transaction.ts'
import { knownHeads } from './known-heads.ts'
import { learn } from './learn.ts'
import { markDirty, save } from './save.ts'
import { sightTag, type TagName } from './sight-tag.ts'

/** Seconds until a registry that could not be asked is asked again. */
const pause = 30

/**
 * Asks the registry where one tag is, and for the digests that declarations name together with it. Done for what a
 * declaration names and is not known. A ref of a registry nobody configured is left alone.
 */
export async function look(d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'log' | 'clock'>, ref: string): Promise<void> {
  const reference = parseReference(ref)
  const client = reference && reference.tag !== null ? d.registries.byName(reference.host) : null
  if (!client || !reference || reference.tag === null) return
  try {
    const { host, repository, tag } = reference
    const name = { registryId: await registryId(d.sql, host), host, repository, tag }
    const known = (await knownHeads(d.sql, name.registryId, repository, [tag])).get(tag) ?? null
    const asking = { sourceId: `look:${randomUUID()}`, dryRun: false, listing: 'not-asked' as const }
    const difference = await sightTag(d, client, name, known, asking)
    if (known === null && difference === null) await rememberAbsent(d, name, ref)
    await learnDeclared(d, client, name, ref)
  } catch (error) {
    if (!(error instanceof Error && 'retryable' in error && error.retryable === true)) throw error
    const runAt = new Date(d.clock().getTime() + pause * 1000)
    d.log.warn({ err: error, ref, next: runAt }, 'look: the registry could not be asked')
    await d.jobs.enqueue(d.sql, 'look', { ref }, { key: `look:${ref}`, runAt })
  }
}

/** The registry says there is no such tag: a row without a head, so that "absent" and "could not ask" stay apart. */
async function rememberAbsent(d: Pick<Deps, 'sql' | 'jobs'>, name: TagName, ref: string): Promise<void> {
  await inTransaction(d.sql, async (tx) => {
    await tx`
      insert into repository (registry_id, name, namespace) values (${name.registryId}, ${name.repository}, ${namespaceOf(name.repository)})
      on conflict (registry_id, name) do nothing`
    const made = await tx`
      insert into tag (repository_id, name, ref)
      select id, ${name.tag}, ${ref} from repository where registry_id = ${name.registryId} and name = ${name.repository}
      on conflict (ref) do nothing returning id`
    if (made.length > 0) await markDirty(d, tx, { tags: [ref], manifests: [] })
  })
}

/** A digest the registry does not have is stored as absent, so that it is not asked for again. */
async function learnDeclared(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock'>,
  client: RegistryClient,
  name: TagName,
  ref: string,
): Promise<void> {
  const wanted = await d.sql<{ digest: Digest }[]>`
    select distinct digest from declaration
    where name = ${ref} and digest is not null
      and not exists (select from manifest where manifest.digest = declaration.digest)`
  for (const { digest } of wanted) {
    const learned = await learn(d, client, name.repository, digest, '')
    const there = learned.manifests.every((manifest) => manifest.digest !== digest || manifest.fault !== 'not-found')
    const seen = {
      ...name,
      tag: '',
      kind: 'push' as const,
      digest,
      at: instantOf(d.clock()),
      sourceId: `look:${digest}`,
      exact: false,
    }
    await inTransaction(d.sql, async (tx) => void (await save(d, tx, there ? seen : null, learned)))
  }
}
