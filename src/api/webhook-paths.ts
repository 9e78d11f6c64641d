import { z } from 'zod'
import type { ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from 'zod-openapi'
import { formats } from '../webhook/formats/formats.ts'

const text = (description: string) => ({ description, content: { 'text/plain': { schema: z.string() } } })
const registry = z
  .string()
  .optional()
  .describe('name of the registry; wanted with several registries where the token is the common one')
const answers = {
  202: text('durable; a body that cannot be read is recorded as ignored, and the registry is compared'),
  401: text('the proof is missing or wrong'),
  405: text('another method than POST'),
  503: text('the database does not answer, or no registry is configured: try again'),
} satisfies ZodOpenApiResponsesObject

/** Where registries tell of pushes and deletes, ahead of the API; an API token is none there. */
export const webhookPaths: ZodOpenApiPathsObject = {
  '/v2/webhooks/events': {
    post: {
      summary: "A registry's notification (Distribution's envelope, events v1 and v2)",
      security: [{ webhook: [] }],
      requestParams: { query: z.object({ registry }) },
      requestBody: {
        required: true,
        content: {
          'application/vnd.docker.distribution.events.v1+json': {
            schema: z.object({ events: z.array(z.looseObject({})) }),
          },
          'application/vnd.docker.distribution.events.v2+json': {
            schema: z.object({ events: z.array(z.looseObject({})) }),
          },
        },
      },
      responses: answers,
    },
  },
  '/v2/webhooks/events/{format}': {
    options: {
      summary: "CloudEvents' question whether events are wanted (azure alone)",
      security: [{ webhook: [] }, { webhookUrl: [] }],
      requestParams: { path: z.object({ format: z.literal('azure') }), query: z.object({ registry }) },
      responses: { 200: text('WebHook-Allowed-Origin says so'), 401: answers[401], 405: answers[405] },
    },
    post: {
      summary: 'The same in the form of another registry: docs/webhooks.md',
      security: [{ webhook: [] }, { webhookUrl: [] }, { githubSignature: [] }],
      requestParams: {
        path: z.object({ format: z.enum([...formats.keys()]) }),
        query: z.object({ registry }),
      },
      requestBody: { required: true, content: { 'application/json': { schema: z.unknown() } } },
      responses: {
        200: {
          description: "the answer to a handshake (Azure Event Grid's validation)",
          content: { 'application/json': { schema: z.looseObject({}) } },
        },
        ...answers,
      },
    },
  },
}

/** How registries show that they are. */
export const webhookSchemes = {
  webhook: { type: 'http', scheme: 'bearer', description: 'webhook token; for Google a token of its service account' },
  webhookUrl: {
    type: 'apiKey',
    in: 'query',
    name: 'token',
    description: 'URL token: makes Drydock ask the registry, no more',
  },
  githubSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Hub-Signature-256',
    description: 'HMAC-SHA256 of the body',
  },
} as const
