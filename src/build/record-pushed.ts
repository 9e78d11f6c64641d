import type { Deps } from '../deps.ts'
import { inTransaction } from '../ingest/in-transaction.ts'
import { lookAtDeclared } from '../ingest/look-at-declared.ts'
import { BuildStop } from './build-error.ts'
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
