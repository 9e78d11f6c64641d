import type { Deps } from '../deps.ts'
import { look } from '../ingest/look.ts'
import { abortable } from '../registry/abortable.ts'
import { refresh } from '../staleness/refresh.ts'
import { BuildError } from './build-error.ts'
import type { Built } from './builders/builder.ts'
import { builderFor } from './builders/builders.ts'
import { causeAnnotations } from './cause-annotations.ts'
import type { Claim } from './claim.ts'
import type { Course } from './course.ts'
import { findPushed } from './find-pushed.ts'
import { moveOrLeave } from './further-tags.ts'
import { namespaceLogins } from './logins.ts'
import { recordPushed } from './record-pushed.ts'
import { type CauseAfter, stillOutdated } from './still-outdated.ts'
import { storeKeyAsBuilt } from './store-key.ts'
import { unstage } from './unstage.ts'

/** A tracker's own builds: with the credentials of the tag's namespace; what was pushed is recorded, judged at once, and planned on. */
export const ownCourse = (d: Deps): Course => ({
  builder({ recipe }) {
    const builder = builderFor(d, recipe.strategy)
    if (!builder) throw new BuildError('no-builder', `no builder here runs recipes of strategy ${recipe.strategy}`)
    return builder
  },
  given: (claim, target) => ({ logins: namespaceLogins(d, target), bases: [], annotations: causeAnnotations(claim) }),
  findPushed: (_claim, target, content, stop) => findPushed(d, target, content, stop),
  async unstage({ recipe }, target, stop) {
    const client = d.registries.byName(target.host)
    return client && recipe.strategy === 'dockerfile' ? unstage(client, target, recipe, stop) : []
  },
  record: (claim, built) => recordPushed(d, claim, built),
  async pushed(claim, target, built, stop) {
    await recordPushed(d, claim, built)
    const { moved, note } = await moveOrLeave(d, claim, target, built.digest, stop)
    const cause = await causeLeft(d, claim, [claim.ref, ...moved], built, stop)
    if (!cause) return note
    const message = `${claim.ref} was built and pushed, and is still outdated by ${cause.base} at ${cause.toDigest}`
    throw new BuildError('still-outdated', message)
  },
  async ended(claims, tx) {
    for (const { id } of claims) await storeKeyAsBuilt(tx, id)
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
  },
})

/**
 * Asks the registry for what was pushed and judges it at once, so that the verdict on our own push does not wait for a webhook.
 * Where that cannot be had now, the queued look and refresh will bring it, and the build counts as done.
 */
async function causeLeft(
  d: Deps,
  claim: Claim,
  refs: readonly string[],
  built: Built,
  stop: AbortSignal,
): Promise<CauseAfter | null> {
  try {
    for (const ref of refs) await abortable(look(d, ref), stop)
    await abortable(refresh(d), stop)
  } catch (error) {
    d.log.warn({ err: error, build: claim.id }, 'could not judge what a build pushed; it is looked at again')
    return null
  }
  const causes = await d.sql<CauseAfter[]>`
    select cause.base, cause.to_digest, cause.via, cause.counted
    from cause join tag on tag.id = cause.tag_id where tag.ref = ${claim.ref} and tag.status = 'outdated'`
  return stillOutdated(causes, built.bases, claim.reason)
}
