import type { TestDatabase } from '../support/postgres.ts'
import { type Caller, type Ns, namespaces, rooms } from './access-world.ts'
import { host } from './small-world.ts'

/** What of the world stands in a text, and is not for who reads it: an empty list where nothing is told. */
export type Secrets = {
  told(caller: Pick<Caller, 'user' | 'admin' | 'scope'>, reads: (ns: Ns) => boolean, text: string): string[]
}

const people = ['owen', 'cora', 'vera', 'stranger', 'gone', 'someone', 'root']

/**
 * Of each namespace its name, its repositories and tags in words of their own, the digests of what is there, and the ids of builds, snoozes and deliveries; of people their addresses
 * and what they are called, which are for admins and themselves. Digests of hush/base:1, what it was and is, are no secrets: a flag says
 * from what to what a tag is to come, and they are in the image of whoever has the tag.
 */
export async function secretsIn({ sql }: TestDatabase): Promise<Secrets> {
  const rows = await sql<{ ref: string; digest: string }[]>`
    select ref, head_digest as digest from tag where head_digest is not null and ref not like ${`${host}/hush/base:%`}`
  const ids = await sql<{ ns: string; id: string }[]>`
    select namespace_key as ns, id::text as id from build where job is null
    union all select split_part(split_part(ref, '/', 2), '/', 1), id::text from snooze where kind = 'tag'
    union all select c.namespace_key, dl.id::text from delivery dl join channel c on c.id = dl.channel_id`
  const words = Object.fromEntries(
    namespaces.map((ns) => [
      ns,
      [
        ns,
        ...rooms[ns].split(':'),
        ...ids.flatMap((row) => (row.ns === ns ? row.id : [])),
        ...rows.filter(({ ref }) => ref.startsWith(`${host}/${ns}/`)).map(({ digest }) => digest),
      ],
    ]),
  ) as Record<Ns, string[]>
  return {
    told({ user, admin, scope }, reads, text) {
      const hidden = namespaces.filter((ns) => !reads(ns)).flatMap((ns) => words[ns])
      const others = admin && scope === null ? [] : people.filter((name) => name !== user)
      const personal = others.flatMap((name) => [`${name}@example.org`, `${name} the Person`])
      return [...hidden, ...personal].filter((secret) => text.includes(secret))
    },
  }
}
