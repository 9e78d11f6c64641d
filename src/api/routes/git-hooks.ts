import { z } from 'zod'
import { getGitHook, putGitHook, removeGitHook } from '../../triggers/git-hooks.ts'
import { ofNamespace } from '../access-of.ts'
import { keyOfStored, NamespaceParams, namespaceOfPath } from '../names.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const GitHook = z
  .object({ url: z.string().describe('what the git server is to call'), updatedAt: Time })
  .meta({ id: 'GitHook', description: 'Never the secret' })
const StoredGitHook = z
  .object({
    ...GitHook.shape,
    secret: z.string().nullable().describe('the one that was made; null where one was given'),
  })
  .meta({ id: 'StoredGitHook', description: 'The secret is shown this once' })
const PutGitHook = z
  .strictObject({
    secret: z
      .string()
      .regex(/^[\x21-\x7e]{16,500}$/, 'must be 16 to 500 characters without blanks')
      .optional()
      .describe('default: one is made'),
  })
  .meta({ id: 'PutGitHook' })

const path = '/namespaces/{ns}/git-hook'
const params = NamespaceParams

export const gitHookRoutes = [
  route({
    method: 'get',
    path,
    access: ofNamespace('manage'),
    summary: 'Where the git server of a namespace is to tell pushes',
    params,
    responses: { 200: GitHook },
    problems: ['no-such-git-hook'],
    async handle(d, input) {
      const found = await getGitHook(d, await keyOfStored(d, input.params.ns))
      if (!found) throw new ApiError('no-such-git-hook', `${input.params.ns} has no git hook`)
      return { status: 200, body: { ...found, updatedAt: showDate(found.updatedAt) } }
    },
  }),
  route({
    method: 'put',
    path,
    access: ofNamespace('manage'),
    summary: 'Take pushes from a git server for the recipes of a namespace, under a new secret',
    params,
    body: PutGitHook,
    responses: { 200: StoredGitHook },
    details: null,
    async handle(d, input) {
      const stored = await putGitHook(d, namespaceOfPath(d, input.params.ns), input.body.secret)
      return { status: 200, body: { ...stored, updatedAt: showDate(stored.updatedAt) } }
    },
  }),
  route({
    method: 'delete',
    path,
    access: ofNamespace('manage'),
    summary: 'Take no more pushes for a namespace',
    params,
    responses: { 204: null },
    problems: ['no-such-git-hook'],
    details: null,
    async handle(d, input) {
      if (!(await removeGitHook(d, await keyOfStored(d, input.params.ns))))
        throw new ApiError('no-such-git-hook', `${input.params.ns} has no git hook`)
      return { status: 204 }
    },
  }),
]
