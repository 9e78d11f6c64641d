import type { Deps } from '../../deps.ts'
import type { RegistryClient } from '../../registry/registries.ts'
import { BuildError, BuildStop } from '../build-error.ts'
import type { BuildJob, Built } from '../builders/builder.ts'
import { builderFor } from '../builders/builders.ts'
import type { Claim } from '../claim.ts'
import type { Course } from '../course.ts'
import { holdsContent } from '../find-pushed.ts'
import { jobRegistries } from '../job-registries.ts'
import { storableJson } from '../storable.ts'
import { unstage } from '../unstage.ts'
import type { Grant } from './grant.ts'
import { StoredJob } from './job.ts'
import { openGrant } from './seal.ts'
import { sealedLogins } from './sealed-logins.ts'

/** Builds that a tracker sent: with what it sealed for them, and nothing of this installation's own; what becomes of them is the tracker's. */
export const serviceCourse = (d: Deps): Course => ({
  builder({ recipe }) {
    const builder = d.config.builder === 'remote' ? null : builderFor(d, recipe.strategy)
    if (!builder) throw new BuildError('no-builder', 'this build service has no builder: DRYDOCK_BUILDER, and a daemon')
    return builder
  },
  given(claim) {
    const job = jobOf(claim)
    return { logins: sealedLogins(opener(d, claim, job)), bases: job.bases, annotations: job.annotations ?? {} }
  },
  findPushed: (claim, target, content, stop) =>
    withClient(d, claim, target, async (client) => {
      const found = await client?.getManifest(target.repository, target.tag, { signal: stop })
      return found && holdsContent(found, content) ? found.digest : null
    }),
  unstage: (claim, target, stop) =>
    withClient(d, claim, target, async (client) => (client ? unstage(client, target, claim.recipe, stop) : [])),
  record: (claim, built) => record(d, claim, built),
  async pushed(claim, _target, built) {
    await record(d, claim, built)
    return null
  },
  async ended(claims, tx) {
    const ids = claims.map(({ id }) => id)
    await tx`update build set job = job - 'credentials' where id = any(${ids}::text[]::uuid[]) and state not in ('queued', 'running')`
  },
})

async function record(d: Pick<Deps, 'sql'>, claim: Claim, { digest, bases, commit }: Built): Promise<void> {
  const owned = await d.sql`
    update build set digest = ${digest}, bases = ${storableJson(bases)}::text::jsonb, commit = ${commit}
    where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
  if (owned.count === 0) throw new BuildStop('claim-lost')
}

/** The target's registry, with what the tracker sealed for it. */
async function withClient<T>(
  d: Deps,
  claim: Claim,
  target: BuildJob['target'],
  work: (client: RegistryClient | null) => Promise<T>,
): Promise<T> {
  const registries = jobRegistries(d, sealedLogins(opener(d, claim, jobOf(claim))), () => undefined)
  try {
    return await work(await registries.client(target, 'push'))
  } finally {
    registries.close()
  }
}

function jobOf({ job }: Claim): StoredJob & Pick<BuildJob, 'bases'> {
  const parsed = StoredJob.safeParse(job)
  if (parsed.success) return parsed.data
  throw new BuildError('job-invalid', 'the stored job cannot be read by this version', { cause: parsed.error })
}

/** Opens the credentials once, when they are first wanted. */
function opener(d: Pick<Deps, 'config'>, { id }: Claim, { credentials }: StoredJob): () => Promise<Grant> {
  let opened: Promise<Grant> | null = null
  return () => {
    const { builderToken } = d.config
    if (builderToken === null || credentials === undefined)
      throw new BuildError('credentials-unreadable', 'the sealed credentials need DRYDOCK_BUILDER_TOKEN')
    opened ??= openGrant(builderToken, id, credentials)
    return opened
  }
}
