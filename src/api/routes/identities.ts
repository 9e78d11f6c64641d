import { z } from 'zod'
import { listIdentities, untieIdentities } from '../../access/identities.ts'
import { UserName } from '../../people/person.ts'
import { admin } from '../access-of.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const Identity = z
  .object({ issuer: z.string(), subject: z.string(), createdAt: Time })
  .meta({ id: 'Identity', description: 'Who a user is to an OpenID provider, since they signed in with it first' })
const PersonParams = z.object({ name: UserName })

export const identityRoutes = [
  route({
    method: 'get',
    path: '/users/{name}/identities',
    access: admin,
    summary: 'Who a user is to OpenID providers',
    params: PersonParams,
    responses: { 200: z.object({ items: z.array(Identity), next: z.null() }) },
    async handle(d, { params }) {
      const found = await listIdentities(d, params.name)
      const items = found.map(({ createdAt, ...identity }) => ({ ...identity, createdAt: showDate(createdAt) }))
      return { status: 200, body: { items, next: null } }
    },
  }),
  route({
    method: 'delete',
    path: '/users/{name}/identities',
    access: admin,
    summary:
      'Untie a user from OpenID providers, end the sessions that began there, and revoke all their API tokens: who signs in next by that name is tied to it',
    params: PersonParams,
    responses: { 204: null },
    problems: ['no-such-user'],
    details: async (d, { params }) => {
      const tied = await listIdentities(d, params.name)
      return { identities: tied.map(({ issuer, subject }) => `${subject} at ${issuer}`) }
    },
    async handle(d, { params }) {
      if (!(await untieIdentities(d, params.name)))
        throw new ApiError('no-such-user', `no user "${params.name}" who is tied to a provider`)
      return { status: 204 }
    },
  }),
]
