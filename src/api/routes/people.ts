import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import { readableBy, seesAddressOf } from '../../access/readable-by.ts'
import { scopesAllow } from '../../access/scopes.ts'
import { listMembers, type MemberView, putMember, removeMember } from '../../people/members.ts'
import { getNamespace, listNamespaces, setVisibility } from '../../people/namespaces.ts'
import { MemberRole, PutMember, PutNamespace, UserName, Visibility } from '../../people/person.ts'
import { ofNamespace, person } from '../access-of.ts'
import { keyOfStored, NamespaceParams, namespaceOfPath } from '../names.ts'
import { cursorOf, listOf, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { refuseReserved } from './users.ts'

const Namespace = z
  .object({
    key: z.string(),
    visibility: Visibility,
    repositories: z.int(),
    tags: z.int(),
    outdated: z.int(),
    members: z.int(),
  })
  .meta({ id: 'Namespace' })
const Member = z
  .object({ user: z.string(), role: MemberRole, email: z.string().nullable(), displayName: z.string().nullable() })
  .meta({ id: 'Member', description: 'Address and display name are shown to admins and the member alone' })
const MemberLeft = z
  .object({ user: z.string(), role: MemberRole.nullable(), sources: z.array(z.string()) })
  .meta({ id: 'MemberLeft' })

const member = NamespaceParams.extend({ user: UserName })

/** Any owner makes anybody a member: that must not tell them who is behind a name, and at which address. */
const memberFor = (principal: Principal, { email, displayName, ...found }: MemberView): MemberView => {
  const sees = seesAddressOf(principal, found.user)
  return { ...found, email: sees ? email : null, displayName: sees ? displayName : null }
}

export const peopleRoutes = [
  route({
    method: 'get',
    path: '/namespaces',
    access: person,
    summary: 'Namespaces, by name',
    query: z.object(pageQuery),
    responses: { 200: pageOf(Namespace) },
    async handle(d, { query, principal }) {
      const mine = readableBy(d.sql, principal, d.sql`key`)
      return {
        status: 200,
        body: listOf(await listNamespaces(d, { cursor: cursorOf(query.cursor), limit: query.limit, mine })),
      }
    },
  }),
  route({
    method: 'get',
    path: '/namespaces/{ns}',
    access: ofNamespace('read'),
    summary: 'One namespace',
    params: NamespaceParams,
    responses: { 200: Namespace },
    problems: ['no-such-namespace'],
    async handle(d, { params }) {
      const found = await getNamespace(d, await keyOfStored(d, params.ns))
      if (!found) throw new ApiError('no-such-namespace', `no namespace ${params.ns}`)
      return { status: 200, body: found }
    },
  }),
  route({
    method: 'put',
    path: '/namespaces/{ns}',
    access: ofNamespace('manage'),
    summary: 'Make a namespace, or set its visibility',
    params: NamespaceParams,
    body: PutNamespace,
    responses: { 200: Namespace },
    details: (_, { body: { visibility } }) => ({ visibility }),
    async handle(d, { params, body }) {
      const key = namespaceOfPath(d, params.ns)
      await setVisibility(d, key, body.visibility)
      return { status: 200, body: await getNamespace(d, key) }
    },
  }),
  route({
    method: 'get',
    path: '/namespaces/{ns}/members',
    access: ofNamespace('manage'),
    summary: 'Members, by name',
    params: NamespaceParams,
    responses: { 200: z.object({ items: z.array(Member), next: z.null() }) },
    async handle(d, { params, principal }) {
      const members = await listMembers(d, await keyOfStored(d, params.ns))
      return { status: 200, body: { items: members.map((found) => memberFor(principal, found)), next: null } }
    },
  }),
  route({
    method: 'put',
    path: '/namespaces/{ns}/members/{user}',
    access: ofNamespace('manage'),
    summary: 'Give a user a role; `email` makes a user that is new, which is for admins',
    params: member,
    body: PutMember,
    responses: { 200: Member },
    problems: ['no-such-user', 'forbidden', 'reserved-name'],
    details: (_, { body: { role, email } }) => ({ role, makesUser: email === undefined ? undefined : true }),
    async handle(d, { params, body, principal }) {
      if (body.email !== undefined) refuseReserved(params.user)
      if (body.email !== undefined && !(principal.admin && scopesAllow(principal.scopes, 'admin', null)))
        throw new ApiError('forbidden', 'only an admin makes users: leave out `email`, and name a user there is')
      const put = await putMember(d, namespaceOfPath(d, params.ns), params.user, body)
      return { status: 200, body: memberFor(principal, put) }
    },
  }),
  route({
    method: 'delete',
    path: '/namespaces/{ns}/members/{user}',
    access: ofNamespace('manage'),
    summary: 'Take back the role that was given here; answers which is left, by which sources',
    params: member,
    responses: { 200: MemberLeft },
    problems: ['no-such-member', 'managed-elsewhere'],
    details: null,
    async handle(d, { params }) {
      const left = await removeMember(d, await keyOfStored(d, params.ns), params.user)
      if (!left) throw new ApiError('no-such-member', `${params.user} is no member`)
      return { status: 200, body: left }
    },
  }),
]
