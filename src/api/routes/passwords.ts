import { z } from 'zod'
import { AccessError } from '../../access/access-error.ts'
import { checkPassword, NewPassword, removePassword, setPassword } from '../../access/passwords.ts'
import { scopesAllow } from '../../access/scopes.ts'
import { UserName } from '../../people/person.ts'
import { admin, self } from '../access-of.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'

const SetPassword = z.strictObject({ password: NewPassword }).meta({ id: 'SetPassword' })
const ChangePassword = z
  .strictObject({ old: z.string().max(1000), new: NewPassword })
  .meta({ id: 'ChangePassword', description: 'At least 12 characters, of any kind' })
const PersonParams = z.object({ name: UserName })

export const passwordRoutes = [
  route({
    method: 'put',
    path: '/me/password',
    access: self,
    summary: 'Change one’s own password; every session ends. A token must not be narrowed to less than `manage`',
    body: ChangePassword,
    responses: { 204: null },
    problems: ['forbidden', 'no-such-user', 'wrong-password', 'too-many-attempts', 'busy'],
    details: null,
    async handle(d, { principal, body, request }) {
      if (principal.via === 'bootstrap') throw new ApiError('no-such-user', 'the bootstrap token is of no person')
      if (!scopesAllow(principal.scopes, 'manage', null)) throw new ApiError('forbidden', 'this token is not for that')
      const attempt = { name: principal.name, address: request.ip ?? '' }
      await checkPassword(d, attempt, body.old).catch((error: unknown) => {
        if (!(error instanceof AccessError) || error.code !== 'wrong-password') throw error
        throw new ApiError('wrong-password', 'the old password is not right')
      })
      await setPassword(d, principal.name, body.new)
      return { status: 204 }
    },
  }),
  route({
    method: 'put',
    path: '/users/{name}/password',
    access: admin,
    summary: 'Set a user’s password, with which they sign in to the pages; their sessions end',
    params: PersonParams,
    body: SetPassword,
    responses: { 204: null },
    problems: ['no-such-user', 'busy'],
    details: null,
    async handle(d, { params, body }) {
      await setPassword(d, params.name, body.password)
      return { status: 204 }
    },
  }),
  route({
    method: 'delete',
    path: '/users/{name}/password',
    access: admin,
    summary: 'Take a user’s password away: they sign in with the OpenID provider alone, or not at all',
    params: PersonParams,
    responses: { 204: null },
    problems: ['no-such-user'],
    details: null,
    async handle(d, { params }) {
      if (!(await removePassword(d, params.name)))
        throw new ApiError('no-such-user', `no user "${params.name}" who has a password`)
      return { status: 204 }
    },
  }),
]
