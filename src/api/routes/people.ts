import { z } from 'zod'
import { bootstrap } from '../../access/principal.ts'
import { readableBy } from '../../access/readable-by.ts'
import { scopesAllow } from '../../access/scopes.ts'
import { CredentialInput, listCredentials, putCredential, removeCredential } from '../../build/credentials.ts'
import { listMembers, putMember, removeMember } from '../../people/members.ts'
import { getNamespace, listNamespaces, setVisibility } from '../../people/namespaces.ts'
import { MemberRole, PutMember, PutNamespace, PutUser, UserName, Visibility } from '../../people/person.ts'
import { listUsers, putUser, removeUser } from '../../people/users.ts'
import { admin, ofNamespace, person } from '../access-of.ts'
import { NamespaceParams, namespaceOfPath } from '../names.ts'
import { decodeCursor, encodeCursor, oneText, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

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
  .meta({ id: 'Member' })
const MemberLeft = z
  .object({ user: z.string(), role: MemberRole.nullable(), sources: z.array(z.string()) })
  .meta({ id: 'MemberLeft' })
const User = z
  .object({
    name: z.string(),
    email: z.string().nullable(),
    displayName: z.string().nullable(),
    enabled: z.boolean(),
    bot: z.boolean(),
    admin: z.boolean(),
  })
  .meta({ id: 'User' })
const Credential = z
  .object({
    name: z.string(),
    kind: z.string(),
    urlPrefix: z.string(),
    username: z.string().nullable(),
    updatedAt: Time,
  })
  .meta({ id: 'Credential', description: 'Never the secret' })

const member = NamespaceParams.extend({ user: UserName })
const credential = NamespaceParams.extend({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/) })
const cursorOf = (text: string | undefined) => decodeCursor(text, oneText)?.[0] ?? null
const listOf = <T>(found: { items: T[]; next: string | null }) => ({
  items: found.items,
  next: found.next === null ? null : encodeCursor([found.next]),
})

/** The audit log and whoever reads `by` must not take a person for the bootstrap token. Sources may know somebody of that name all the same. */
function refuseReserved(name: string): void {
  if (name === bootstrap.name)
    throw new ApiError('reserved-name', `"${name}" is what the bootstrap token is called: take another name`)
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
      const found = await getNamespace(d, namespaceOfPath(d, params.ns))
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
    async handle(d, { params }) {
      return { status: 200, body: { items: await listMembers(d, namespaceOfPath(d, params.ns)), next: null } }
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
    async handle(d, { params, body, principal }) {
      if (body.email !== undefined) refuseReserved(params.user)
      if (body.email !== undefined && !(principal.admin && scopesAllow(principal.scopes, 'admin', null)))
        throw new ApiError('forbidden', 'only an admin makes users: leave out `email`, and name a user there is')
      return { status: 200, body: await putMember(d, namespaceOfPath(d, params.ns), params.user, body) }
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
    async handle(d, { params }) {
      const left = await removeMember(d, namespaceOfPath(d, params.ns), params.user)
      if (!left) throw new ApiError('no-such-member', `${params.user} is no member`)
      return { status: 200, body: left }
    },
  }),
  route({
    method: 'get',
    path: '/namespaces/{ns}/credentials',
    access: ofNamespace('manage'),
    summary: 'Credentials, without their secrets',
    params: NamespaceParams,
    responses: { 200: z.object({ items: z.array(Credential), next: z.null() }) },
    async handle(d, { params }) {
      const found = await listCredentials(d, namespaceOfPath(d, params.ns))
      return {
        status: 200,
        body: { items: found.map((c) => ({ ...c, updatedAt: showDate(c.updatedAt) })), next: null },
      }
    },
  }),
  route({
    method: 'put',
    path: '/namespaces/{ns}/credentials/{name}',
    access: ofNamespace('manage'),
    summary: 'Store a credential; its secret is never readable again',
    params: credential,
    body: CredentialInput,
    responses: { 204: null },
    async handle(d, { params, body }) {
      const key = namespaceOfPath(d, params.ns)
      await putCredential(d, key, params.name, body)
      return { status: 204 }
    },
  }),
  route({
    method: 'delete',
    path: '/namespaces/{ns}/credentials/{name}',
    access: ofNamespace('manage'),
    summary: 'Remove a credential',
    params: credential,
    responses: { 204: null },
    problems: ['no-such-credential'],
    async handle(d, { params }) {
      if (!(await removeCredential(d, namespaceOfPath(d, params.ns), params.name)))
        throw new ApiError('no-such-credential', `no credential ${params.name}`)
      return { status: 204 }
    },
  }),
  route({
    method: 'get',
    path: '/users',
    access: admin,
    summary: 'Users, by name',
    query: z.object(pageQuery),
    responses: { 200: pageOf(User) },
    async handle(d, { query }) {
      return { status: 200, body: listOf(await listUsers(d, { cursor: cursorOf(query.cursor), limit: query.limit })) }
    },
  }),
  route({
    method: 'put',
    path: '/users/{name}',
    access: admin,
    summary: 'Make or change a user',
    params: z.object({ name: UserName }),
    body: PutUser,
    responses: { 200: User },
    problems: ['reserved-name'],
    async handle(d, { params, body }) {
      refuseReserved(params.name)
      return { status: 200, body: await putUser(d, params.name, body) }
    },
  }),
  route({
    method: 'delete',
    path: '/users/{name}',
    access: admin,
    summary: 'Take back what was said here of a user: who is in no other source is disabled',
    params: z.object({ name: UserName }),
    responses: { 204: null },
    problems: ['no-such-user'],
    async handle(d, { params }) {
      if (!(await removeUser(d, params.name)))
        throw new ApiError('no-such-user', `nothing was said of ${params.name} here`)
      return { status: 204 }
    },
  }),
]
