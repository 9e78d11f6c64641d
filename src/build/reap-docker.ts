import type { Deps } from '../deps.ts'
import { buildsNamedThere, localDocker } from './builders/docker-hosts.ts'

const patienceMs = 60_000

/**
 * Removes from this process's docker daemon what builds left there that have ended: a build whose worker was killed may have gone on at
 * another host, and then nobody comes back to this one. Several installations may use one daemon, so only builds that our database knows,
 * its own and those that came over the build service's API, and only once they are over. Called at the start and then each minute. Gives
 * their ids. Error: `cleanup-failed`.
 */
export async function reapDocker(d: Pick<Deps, 'sql' | 'config'>, stop: AbortSignal): Promise<string[]> {
  if (d.config.builder !== 'docker') return []
  const signal = AbortSignal.any([stop, AbortSignal.timeout(patienceMs)])
  const named = await buildsNamedThere(signal)
  if (named.length === 0) return []
  const over = await d.sql<{ id: string }[]>`
    select id from build where id::text = any(${named}::text[]) and state not in ('queued', 'running')`
  for (const { id } of over) await localDocker.release(id, signal)
  return over.map(({ id }) => id)
}
