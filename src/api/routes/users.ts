import { z } from 'zod'
import { bootstrap } from '../../access/principal.ts'
import { PutUser, UserName } from '../../people/person.ts'
import { listUsers, putUser, removeUser } from '../../people/users.ts'
import { admin } from '../access-of.ts'
import { cursorOf, listOf, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'

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

/** The audit log and whoever reads `by` must not take a person for the bootstrap token. Sources may know somebody of that name all the same. */
export function refuseReserved(name: string): void {
  if (name === bootstrap.name)
    throw new ApiError('reserved-name', `"${name}" is what the bootstrap token is called: take another name`)
}

export const userRoutes = [
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
    summary: 'Make or change a user; what is left out stays as it was said here',
    params: z.object({ name: UserName }),
    body: PutUser,
    responses: { 200: User },
    problems: ['reserved-name'],
    details: (_, { body: { email, displayName, enabled, bot, admin } }) => ({
      email,
      displayName,
      enabled,
      bot,
      admin,
    }),
    async handle(d, { params, body }) {
      refuseReserved(params.name)
      return { status: 200, body: await putUser(d, params.name, body) }
    },
  }),
  route({
    method: 'delete',
    path: '/users/{name}',
    access: admin,
    summary:
      'Take back what was said here of a user: who is in no other source is disabled, and loses tokens, sessions, password and identities',
    params: z.object({ name: UserName }),
    responses: { 204: null },
    problems: ['no-such-user'],
    details: null,
    async handle(d, { params }) {
      if (!(await removeUser(d, params.name)))
        throw new ApiError('no-such-user', `nothing was said of ${params.name} here`)
      return { status: 204 }
    },
  }),
]
