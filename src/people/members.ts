/**
 * In: who has which role in a namespace, told through the API.
 * Out: rows of `namespace`, `person`, `member`; who is to be told of what happens in a namespace (recipients.ts).
 * Guarantees: a member is a known user; a namespace may have members before it has repositories.
 */
import type { Deps } from '../deps.ts'
import { PeopleError } from './people-error.ts'
import type { MemberRole, PutMember } from './person.ts'

/** A member as GET /namespaces/NS/members shows them. */
export type MemberView = { user: string; role: MemberRole; email: string | null; displayName: string | null }

/**
 * Gives a user a role in a namespace. Key: (namespace, user). A user nobody knows is made where an address is given, and else
 * refused (`no-such-user`): a mistyped name must not become a member who is never written to. An address given for a known user
 * is not taken over: that is for PUT /users.
 */
export function putMember(d: Pick<Deps, 'sql'>, key: string, user: string, member: PutMember): Promise<MemberView> {
  return d.sql.begin(async (tx) => {
    if (member.email !== undefined)
      await tx`insert into person (name, email) values (${user}, ${member.email}) on conflict (name) do nothing`
    const [known] = await tx<{ email: string | null; displayName: string | null }[]>`
      select email, display_name from person where name = ${user} for key share`
    if (!known)
      throw new PeopleError(
        'no-such-user',
        `no user "${user}": PUT /users/${user} first, or give an "email" with the role`,
      )
    await tx`insert into namespace (key) values (${key}) on conflict (key) do nothing`
    await tx`
      insert into member (namespace_key, user_name, role) values (${key}, ${user}, ${member.role}::member_role)
      on conflict (namespace_key, user_name) do update set role = excluded.role`
    return { user, role: member.role, email: known.email, displayName: known.displayName }
  })
}

/** False where there was no such member. */
export async function removeMember(d: Pick<Deps, 'db'>, key: string, user: string): Promise<boolean> {
  const { count } = await d.db.member.deleteMany({ where: { namespaceKey: key, userName: user } })
  return count > 0
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
