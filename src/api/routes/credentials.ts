import { z } from 'zod'
import { CredentialInput, listCredentials, putCredential, removeCredential } from '../../build/credentials.ts'
import { ofNamespace } from '../access-of.ts'
import { keyOfStored, NamespaceParams, namespaceOfPath } from '../names.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const Credential = z
  .object({
    name: z.string(),
    kind: z.string(),
    urlPrefix: z.string(),
    username: z.string().nullable(),
    updatedAt: Time,
  })
  .meta({ id: 'Credential', description: 'Never the secret' })
const credential = NamespaceParams.extend({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/) })

export const credentialRoutes = [
  route({
    method: 'get',
    path: '/namespaces/{ns}/credentials',
    access: ofNamespace('manage'),
    summary: 'Credentials, without their secrets',
    params: NamespaceParams,
    responses: { 200: z.object({ items: z.array(Credential), next: z.null() }) },
    async handle(d, { params }) {
      const found = await listCredentials(d, await keyOfStored(d, params.ns))
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
    details: (_, { body: { kind, urlPrefix, username } }) => ({ kind, urlPrefix, username }),
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
    details: null,
    async handle(d, { params }) {
      if (!(await removeCredential(d, await keyOfStored(d, params.ns), params.name)))
        throw new ApiError('no-such-credential', `no credential ${params.name}`)
      return { status: 204 }
    },
  }),
]
