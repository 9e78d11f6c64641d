/**
 * in: whole builds, as a tracker sends them. out: rows of `build` with `job` set, queued.
 * guarantees: an id is one build, however often it is sent; nothing is stored of a job that could not run; its credentials stay sealed.
 */
import type { Deps } from '../../deps.ts'
import { parseReference } from '../../oci/reference.ts'
import { BuildError } from '../build-error.ts'
import { parseGitUrl } from '../git-url.ts'
import { shareOf } from '../namespace-key.ts'
import { wakeBuilders } from '../wake-builders.ts'
import { jobKey, type RemoteJob, type StoredJob } from './job.ts'
import { openGrant } from './seal.ts'

/** A fault of a job, where it is and what it is. */
export type JobFault = { path: string; message: string }

/** `created` false: it was here. conflict: the id is another build's. own: it is a build of a tracker on this very database. */
export type Accepted = { created: boolean } | 'conflict' | 'own' | { faults: JobFault[] }

export async function acceptJob(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config'>,
  token: string,
  job: RemoteJob,
): Promise<Accepted> {
  const faults = await faultsOf(d, token, job)
  if (faults.length > 0) return { faults }
  const key = jobKey(job)
  return d.sql.begin(async (tx) => {
    const { bases, platforms, annotations, credentials } = job
    const stored: StoredJob = { bases, platforms, annotations, credentials }
    const recipe = { ...job.recipe, platforms }
    const made = await tx`
      insert into build (id, ref, namespace_key, key, reason, recipe, job, automatic, priority, created_at)
      values (${job.id}, ${job.ref}, ${shareOf(d, parseReference(job.ref)!)}, ${key}, '{"kind":"manual"}',
        ${JSON.stringify(recipe)}::text::jsonb, ${JSON.stringify(stored)}::text::jsonb, false, 0, ${d.clock()})
      on conflict (id) do nothing`
    if (made.count > 0) {
      await wakeBuilders(d, tx, recipe)
      return { created: true }
    }
    const [there] = await tx<{ key: string; sent: boolean }[]>`
      select key, job is not null as sent from build where id = ${job.id}`
    if (!there?.sent) return 'own'
    return there.key === key ? { created: false } : 'conflict'
  })
}

async function faultsOf(d: Pick<Deps, 'config'>, token: string, job: RemoteJob): Promise<JobFault[]> {
  const { recipe } = job
  const faults: JobFault[] = []
  if (recipe.strategy !== 'dockerfile')
    faults.push({ path: 'recipe.strategy', message: 'a rebase runs in the tracker itself, no build service is needed' })
  const address = recipe.git ? parseGitUrl(recipe.git.url, d.config.gitProtocols) : null
  if (address && 'code' in address) faults.push({ path: 'recipe.git.url', message: address.message })
  const { machine } = recipe
  if (
    d.config.builder === 'docker-machine' &&
    machine !== undefined &&
    !Object.hasOwn(d.config.machines.profiles, machine)
  )
    faults.push({ path: 'recipe.machine', message: `this build service has no machine profile ${machine}` })
  try {
    await openGrant(token, job.id, job.credentials)
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    faults.push({ path: 'credentials', message: error.message })
  }
  return faults
}
