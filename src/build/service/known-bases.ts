import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { formatReference, parseReference, type Reference, tagRef } from '../../oci/reference.ts'
import { RegistryError } from '../../registry/registry-error.ts'
import type { BuildJob } from '../builders/builder.ts'
import type { JobRegistries } from '../job-registries.ts'

const Platforms = z.array(z.object({ bases: z.array(z.object({ ref: z.string(), pinned: z.boolean().optional() })) }))

/**
 * What the bases of a tag are now, as far as they are known before anything is built: those of its last verdict and the recipe's own, each
 * asked of its registry with the build's own logins. A name that gives nothing is left out: the service asks for it, and says what is wrong.
 */
export async function knownBases(
  d: Pick<Deps, 'db' | 'registries'>,
  job: Pick<BuildJob, 'target' | 'recipe' | 'bases'>,
  registries: Pick<JobRegistries, 'client'>,
  signal: AbortSignal,
): Promise<BuildJob['bases']> {
  const { host, repository, tag } = job.target
  const row = await d.db.tag.findUnique({ where: { ref: tagRef(host, repository, tag) }, select: { platforms: true } })
  const judged = Platforms.safeParse(row?.platforms).data ?? []
  const names = judged.flatMap(({ bases }) => bases.filter(({ pinned }) => !pinned).map(({ ref }) => ref))
  const given = new Map(job.bases.map((base) => [base.name, base.digest]))
  for (const name of new Set([...names, ...(job.recipe.base ? [job.recipe.base] : [])])) {
    const reference = parseReference(name)
    if (!reference?.tag || reference.digest) continue
    const canonical = { ...reference, host: d.registries.canonicalHost(reference.host) }
    const at = formatReference(canonical)
    if (given.has(at)) continue
    const digest = await headOf(d, registries, canonical, signal)
    if (digest) given.set(at, digest)
  }
  return [...given].map(([name, digest]) => ({ name, digest }))
}

async function headOf(
  d: Pick<Deps, 'registries'>,
  registries: Pick<JobRegistries, 'client'>,
  reference: Reference,
  signal: AbortSignal,
) {
  if (!d.registries.byName(reference.host)) return null
  const client = await registries.client(reference, 'pull')
  try {
    const found = await client?.headManifest(reference.repository, reference.tag ?? 'latest', { signal })
    return found?.digest ?? null
  } catch (error) {
    if (error instanceof RegistryError) return null
    throw error
  }
}
