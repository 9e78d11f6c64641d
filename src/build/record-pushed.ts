import type { Deps } from '../deps.ts'
import { inTransaction } from '../ingest/in-transaction.ts'
import { lookAtDeclared } from '../ingest/look-at-declared.ts'
import { type Reference, tagRef } from '../oci/reference.ts'
import { BuildError, BuildStop, describeError, type Failure } from './build-error.ts'
import type { Built } from './builders/builder.ts'
import type { Claim } from './claim.ts'
import { storableJson } from './storable.ts'

/**
 * Makes a push known: the build's digest and bases, our own evidence on what was pushed, and jobs that look at the tag even if the
 * registry's webhook is lost. Idempotent: evidence is keyed by (manifest, build, position).
 */
export async function recordPushed(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries'>,
  claim: Claim,
  built: Built,
): Promise<void> {
  await inTransaction(d.sql, async (tx) => {
    const owned = await tx`
      update build set digest = ${built.digest}, bases = ${storableJson(built.bases)}::text::jsonb, commit = ${built.commit}
      where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
    if (owned.count === 0) throw new BuildStop('claim-lost')
    for (const [position, base] of built.bases.entries()) {
      await tx`
        insert into declaration (subject, evidence, source, position, name, digest, role, pinned)
        values (${built.digest}, 'build', ${claim.id}, ${position}, ${base.name}, ${base.digest}, ${base.role}, ${base.pinned})
        on conflict (subject, evidence, source, position) do nothing`
    }
    await lookAtDeclared(d, tx, built.bases)
    await tx`insert into dirty (kind, key) values ('manifest', ${built.digest}), ('tag', ${claim.ref})`
    await d.jobs.enqueue(tx, 'look', { ref: claim.ref }, { key: `look:${claim.ref}` })
    await d.jobs.enqueue(tx, 'refresh', {}, { key: 'refresh', queue: 'refresh' })
  })
}

/**
 * Points the recipe's further tags at what was pushed, through the registry alone. Gives their refs. One that cannot be moved keeps none of
 * the others; all those are told (`tags-not-moved`, retryable where each of them may pass another time).
 */
export async function moveTags(
  d: Pick<Deps, 'registries'>,
  target: Reference,
  digest: Built['digest'],
  tags: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const further = tags.filter((tag) => tag !== target.tag)
  if (further.length === 0) return []
  const client = d.registries.byName(target.host)
  const manifest = await client?.getManifest(target.repository, digest, { signal })
  if (!client || !manifest) throw new BuildError('push-mismatch', `${digest} is not in ${target.repository} any more`)
  const failures = new Map<string, Failure>()
  for (const tag of further)
    await client.putManifest(target.repository, tag, manifest, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      failures.set(tag, describeError(error))
    })
  if (failures.size > 0) {
    const told = [...failures].map(([tag, { message }]) => `${tag} (${message})`).join(', ')
    const retryable = [...failures.values()].every((failure) => failure.retryable)
    throw new BuildError(
      'tags-not-moved',
      `${tagRef(target.host, target.repository, target.tag ?? '')} was pushed; these tags could not be moved to it: ${told}`,
      { retryable },
    )
  }
  return further.map((tag) => tagRef(target.host, target.repository, tag))
}
