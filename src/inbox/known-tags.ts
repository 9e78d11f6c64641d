import type { Sql } from '../db/postgres.ts'

const pageSize = 1_000

/** The repositories known of a registry, in pages. */
export async function* knownRepositories(sql: Sql, registryId: number): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const page = await sql<{ name: string }[]>`
      select name from repository where registry_id = ${registryId} and name > ${after} order by name limit ${pageSize}`
    for (const { name } of page) yield name
    if (page.length < pageSize) return
    after = page.at(-1)!.name
  }
}

/** The names of a repository's tags that are thought to exist, in pages. */
export async function* aliveTags(sql: Sql, registryId: number, repository: string): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const page = await sql<{ name: string }[]>`
      select tag.name from tag join repository on repository.id = tag.repository_id
      where repository.registry_id = ${registryId} and repository.name = ${repository}
        and tag.head_digest is not null and tag.name > ${after}
      order by tag.name limit ${pageSize}`
    yield page.map((row) => row.name)
    if (page.length < pageSize) return
    after = page.at(-1)!.name
  }
}
