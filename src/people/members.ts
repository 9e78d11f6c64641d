/**
 * In: who has which role in a namespace, told through the API.
 * Out: what the source "local" says, and what then holds (merge-people.ts): rows of `namespace`, `person`, `member`.
 * Guarantees: a member is a known user; a namespace may have members before it has repositories; what another source says stays.
 */
import type { Deps } from '../deps.ts'
import { beginAnew } from './begin-anew.ts'
import { lockPeople, mergePeople } from './merge-people.ts'
import { PeopleError } from './people-error.ts'
import type { MemberRole, PutMember } from './person.ts'

/** A member as GET /namespaces/NS/members shows them. */
export type MemberView = { user: string; role: MemberRole; email: string | null; displayName: string | null }

/**
 * Gives a user a role in a namespace, as the source "local"; where another source gives a higher one, that holds, and is answered. Key:
 * (namespace, user). A user nobody knows is made where an address is given, and else refused (`no-such-user`): a mistyped name must not
 * become a member who is never written to. An address given for a known user is not taken over: that is for PUT /users.
 */
export function putMember(d: Pick<Deps, 'sql'>, key: string, user: string, member: PutMember): Promise<MemberView> {
  return d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const [known] = await tx`
      select from person p where p.name = ${user}
        and (p.enabled or ${member.email === undefined} or exists (select from person_said s where s.name = p.name))`
    if (!known && member.email === undefined)
      throw new PeopleError(
        'no-such-user',
        `no user "${user}": PUT /users/${user} first, or give an "email" with the role`,
      )
    const former = known ? [] : await beginAnew(tx, [user])
    if (!known) await tx`insert into person_said (source, name, email) values ('local', ${user}, ${member.email!})`
    await tx`
      insert into namespace_said (source, key) values ('local', ${key}) on conflict (source, key) do nothing`
    await tx`
      insert into member_said (source, namespace_key, user_name, role) values ('local', ${key}, ${user}, ${member.role}::member_role)
      on conflict (source, namespace_key, user_name) do update set role = excluded.role`
    await mergePeople(tx, {
      people: known ? [] : [user],
      namespaces: [key],
      members: [...former, { namespace: key, user }],
    })
    const [view] = await tx<MemberView[]>`
      select m.user_name as "user", m.role, p.email, p.display_name from member m join person p on p.name = m.user_name
      where m.namespace_key = ${key} and m.user_name = ${user}`
    if (!view) throw new Error('a member who was just said has no row')
    return view
  })
}

/** What is left of a member after what the API said of them was taken back: the role by others' word, null for none; and who says it. */
export type MemberLeft = { user: string; role: MemberRole | null; sources: string[] }

/**
 * Takes back the role that the source "local" gives; what another source says holds on, and is answered. Null where there is no such member.
 * Throws `managed-elsewhere` where another source alone makes them one.
 */
export function removeMember(d: Pick<Deps, 'sql'>, key: string, user: string): Promise<MemberLeft | null> {
  return d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const { count } = await tx`
      delete from member_said where source = 'local' and namespace_key = ${key} and user_name = ${user}`
    const said = await tx<{ source: string }[]>`
      select source from member_said where namespace_key = ${key} and user_name = ${user} order by source`
    const sources = said.map(({ source }) => source)
    if (count === 0 && sources.length === 0) return null
    if (count === 0)
      throw new PeopleError(
        'managed-elsewhere',
        `${user} is a member by what ${sources.join(', ')} says: to be changed there`,
      )
    await mergePeople(tx, { people: [], namespaces: [], members: [{ namespace: key, user }] })
    const [left] = await tx<{ role: MemberRole }[]>`
      select role from member where namespace_key = ${key} and user_name = ${user}`
    return { user, role: left?.role ?? null, sources }
  })
}

/** All members, by name. */
export async function listMembers(d: Pick<Deps, 'db'>, key: string): Promise<MemberView[]> {
  const found = await d.db.member.findMany({
    where: { namespaceKey: key },
    orderBy: { userName: 'asc' },
    select: { userName: true, role: true, user: { select: { email: true, displayName: true } } },
  })
  return found.map(({ userName, role, user }) => ({ user: userName, role, ...user }))
}
