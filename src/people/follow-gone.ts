import type { Tx } from '../db/postgres.ts'
import { markAll } from '../scanner/mark-shown.ts'
import { lockPeople, mergePeople } from './merge-people.ts'

/**
 * Notes which registries are configured no more, or are again (`registry.gone`; docs/design/namespaces.md), and derives anew who belongs to their
 * namespaces. To be called at a start, before hosts are made outside ones. A start without any registry says nothing: settings that were forgotten
 * there are no word on those that other processes of this database serve.
 */
export async function followGone(tx: Tx, configured: readonly string[]): Promise<void> {
  if (configured.length === 0) return
  await lockPeople(tx)
  const hosts = tx`${[...configured]}::text[]`
  const changed = await tx<{ name: string }[]>`
    update registry set gone = not gone
    where (gone and name = any(${hosts})) or (not gone and not outside and name <> all(${hosts})) returning name`
  if (changed.length === 0) return
  await markAll(tx)
  const concerned = tx`any(${changed.map(({ name }) => name)}::text[])`
  const keys = await tx<{ key: string }[]>`
    select key from namespace where key like '%/%' and split_part(key, '/', 1) = ${concerned}`
  const members = await tx<{ namespace: string; user: string }[]>`
    select namespace_key as namespace, user_name as "user" from member_said
    where namespace_key like '%/%' and split_part(namespace_key, '/', 1) = ${concerned}
    union select namespace_key, user_name from member where namespace_key like '%/%' and split_part(namespace_key, '/', 1) = ${concerned}`
  await mergePeople(tx, { people: [], namespaces: keys.map(({ key }) => key), members })
}
