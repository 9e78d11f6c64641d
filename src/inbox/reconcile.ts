/*
 * In: a configured registry.
 * Out: facts for every tag that is elsewhere than we knew, or gone; the differences.
 * Guarantees: repairs lost events; deletes only on two answers, never on an error; running it again changes nothing.
 */
import { randomUUID } from 'node:crypto'
import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import { knownHeads } from '../ingest/known-heads.ts'
import { type Asking, type Difference, sightTag } from '../ingest/sight-tag.ts'
import { normaliseHost } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { aliveTags, knownRepositories } from './known-tags.ts'
import { registryId } from './registry-id.ts'

/** Tags asked for at once. */
const width = 8

/** Tags compared in one go. */
const batchSize = 200

type Pass = {
  d: Pick<Deps, 'sql' | 'jobs' | 'log' | 'clock' | 'registries'>
  client: RegistryClient
  registryId: number
  host: string
  dryRun: boolean
  sourceId: string
  found: Difference[]
  errors: Error[]
}

/**
 * Compares a registry with what is known of it: catalog → tags → HEAD. One repository at a time is held in memory.
 * What fails is passed over and the rest still compared; then the first error is kept with the registry and thrown.
 */
export async function reconcile(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'log' | 'clock'>,
  { registry, dryRun = false }: { registry: string; dryRun?: boolean },
): Promise<Difference[]> {
  const host = normaliseHost(registry)
  const client = d.registries.byName(host)
  if (!client) throw new ReconcileError(`no registry ${registry} is configured`, false)
  const pass: Pass = {
    d,
    client,
    registryId: await registryId(d.sql, host),
    host,
    dryRun,
    sourceId: `reconcile:${randomUUID()}`,
    found: [],
    errors: [],
  }
  const listed = new Set<string>()
  await guarded(pass, async () => {
    for await (const repository of client.listRepositories()) {
      listed.add(repository)
      await guarded(pass, () => compareRepository(pass, repository))
    }
  })
  for await (const repository of knownRepositories(d.sql, pass.registryId))
    if (!listed.has(repository)) await guarded(pass, () => compareRepository(pass, repository))
  if (!dryRun) await conclude(pass)
  if (pass.errors.length > 0)
    throw new ReconcileError(`${registry}: ${pass.errors.length} could not be compared`, true, pass.errors[0])
  return pass.found
}

/** Every listed tag by a HEAD; every tag thought alive that the listing, whole and without error, no longer holds. */
async function compareRepository(pass: Pass, repository: string): Promise<void> {
  const listed = new Set<string>()
  let batch: string[] = []
  for await (const tag of pass.client.listTags(repository)) {
    listed.add(tag)
    if (batch.push(tag) < batchSize) continue
    await compareTags(pass, repository, batch, 'has-it')
    batch = []
  }
  await compareTags(pass, repository, batch, 'has-it')
  for await (const names of aliveTags(pass.d.sql, pass.registryId, repository)) {
    const gone = names.filter((name) => !listed.has(name))
    await compareTags(pass, repository, gone, 'lacks-it')
  }
}

async function compareTags(pass: Pass, repository: string, tags: string[], listing: Asking['listing']): Promise<void> {
  if (tags.length === 0) return
  const { d, client, registryId, host, dryRun, sourceId } = pass
  const known = await knownHeads(d.sql, registryId, repository, tags)
  const limit = pLimit(width)
  await Promise.all(
    tags.map((tag) =>
      limit(() =>
        guarded(pass, async () => {
          const name = { registryId, host, repository, tag }
          const difference = await sightTag(d, client, name, known.get(tag) ?? null, { sourceId, dryRun, listing })
          if (difference) pass.found.push(difference)
        }),
      ),
    ),
  )
}

/** Keeps an error and goes on: one broken repository must not hide the others. */
async function guarded(pass: Pass, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    pass.d.log.warn({ err: error, registry: pass.host }, 'reconcile: passed over what could not be compared')
    pass.errors.push(error instanceof Error ? error : new Error(String(error)))
  }
}

async function conclude({ d, registryId, errors }: Pass): Promise<void> {
  const [first] = errors
  await d.sql`
    update registry set reconcile_error = ${first ? `${first.message} (${errors.length} in all)` : null},
      reconciled_at = case when ${errors.length} = 0 then ${d.clock()}::timestamptz else reconciled_at end
    where id = ${registryId}`
}

/** A pass that is not whole. `cause`: the first of what went wrong. */
class ReconcileError extends Error {
  readonly code = 'reconcile-failed'
  readonly retryable: boolean
  constructor(message: string, retryable: boolean, cause?: Error) {
    super(cause ? `${message}: ${cause.message}` : message, { cause })
    this.retryable = retryable
  }
}
