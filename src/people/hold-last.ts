import type { Tx } from '../db/postgres.ts'
import type { SaidMember, SaidPerson, SaidRule, Snapshot } from './sources/source.ts'

/**
 * A snapshot with what its source said last of all that is faulty in it now: people, namespaces with their roles (and whom the file made of
 * an address in them), single visibilities and roles, all owner rules. What was never said is not there. To be called under lockPeople.
 */
export async function holdLast(tx: Tx, source: string, snapshot: Snapshot): Promise<Snapshot> {
  const { faulty } = snapshot
  if (!faulty) return snapshot
  const [keys, users] = [faulty.members.map(({ namespace }) => namespace), faulty.members.map(({ user }) => user)]
  const members = await tx<SaidMember[]>`
    select namespace_key as namespace, user_name as "user", role, told from member_said
    where source = ${source} and (namespace_key in (select unnest(${faulty.namespaces}::text[]))
      or (namespace_key, user_name) in (select * from unnest(${keys}::text[], ${users}::text[])))`
  const people = await tx<SaidPerson[]>`
    select name, email, display_name, enabled, bot, admin from person_said
    where source = ${source} and (name in (select unnest(${faulty.people}::text[]))
      or (name = email and name in (select unnest(${members.map(({ user }) => user)}::text[]))))`
  const namespaces = await tx<Snapshot['namespaces']>`
    select key, visibility from namespace_said
    where source = ${source} and key in (select unnest(${[...faulty.namespaces, ...faulty.visibilities]}::text[]))`
  const rules = faulty.rules
    ? await tx<
        SaidRule[]
      >`select registry, pattern, regex, users from owner_rule where source = ${source} order by position`
    : []
  return {
    ...snapshot,
    people: over(people, snapshot.people, ({ name }) => name),
    // of what is spoken of without its visibility, that which was said last
    namespaces: over(snapshot.namespaces, [...namespaces], ({ key }) => key),
    members: over(members, snapshot.members, ({ namespace, user }) => `${namespace} ${user}`),
    rules: rules.length > 0 ? [...rules] : snapshot.rules,
  }
}

/** Each once; of two the later one's. */
const over = <T>(first: readonly T[], then: readonly T[], keyOf: (one: T) => string): T[] => [
  ...new Map([...first, ...then].map((one) => [keyOf(one), one])).values(),
]
