import type { Deps } from '../deps.ts'
import { registryId } from '../inbox/registry-id.ts'
import { parseReference } from '../oci/reference.ts'
import { learnDeclared } from './learn-declared.ts'
import { lookAtTag } from './look-at-tag.ts'
import { rememberAbsent } from './remember-absent.ts'

/** Seconds until a registry that could not be asked is asked again. */
const pause = 30

/**
 * Asks the registry where one tag is, and for the digests that declarations name together with it. Done for what a
 * declaration names and is not known. A ref outside the registries that send us events is left alone: those are watched.
 */
export async function look(d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'log' | 'clock'>, ref: string): Promise<void> {
  const reference = parseReference(ref)
  if (!reference || reference.tag === null) return
  const { repository, tag } = reference
  const host = d.registries.canonicalHost(reference.host)
  const client = d.registries.outside(host) ? null : d.registries.byName(host)
  if (!client) return
  try {
    const name = { registryId: await registryId(d.sql, host), host, repository, tag }
    const { known, difference } = await lookAtTag(d, client, name)
    if (!known && difference === null) await rememberAbsent(d, name)
    await learnDeclared(d, client, name)
  } catch (error) {
    if (!(error instanceof Error && 'retryable' in error && error.retryable === true)) throw error
    const runAt = new Date(d.clock().getTime() + pause * 1000)
    d.log.warn({ err: error, ref, next: runAt }, 'look: the registry could not be asked')
    await d.jobs.enqueue(d.sql, 'look', { ref }, { key: `look:${ref}`, runAt })
  }
}
