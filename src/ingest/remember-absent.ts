import type { Deps } from '../deps.ts'
import { namespaceOf, tagRef } from '../oci/reference.ts'
import { inTransaction } from './in-transaction.ts'
import { markDirty } from './save.ts'
import type { TagName } from './sight-tag.ts'

/** The registry says there is no such tag: a row without a head, so that "absent" and "could not ask" stay apart. */
export async function rememberAbsent(d: Pick<Deps, 'sql' | 'jobs'>, name: TagName): Promise<void> {
  const ref = tagRef(name.host, name.repository, name.tag)
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
