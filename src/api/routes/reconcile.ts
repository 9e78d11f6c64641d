import { z } from 'zod'
import { reconcile } from '../../inbox/reconcile.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'

const Difference = z
  .object({
    ref: z.string(),
    kind: z.enum(['new', 'moved', 'deleted']),
    from: z.string().nullable(),
    to: z.string().nullable(),
  })
  .meta({ id: 'Difference' })

export const reconcileRoutes = [
  route({
    method: 'post',
    path: '/reconcile',
    summary: 'Compare registry and database, repair missed events, answer what differed',
    body: z.strictObject({
      registry: z.string().optional().describe('default: all'),
      dryRun: z.boolean().default(false),
    }),
    responses: { 200: z.object({ items: z.array(Difference), next: z.null() }) },
    problems: ['no-such-registry', 'registry-failed'],
    async handle(d, { body }) {
      const all = d.config.registries.map((registry) => registry.name)
      if (body.registry !== undefined && !all.includes(body.registry))
        throw new ApiError('no-such-registry', `no registry ${body.registry} is configured`)
      const items: z.infer<typeof Difference>[] = []
      for (const registry of body.registry === undefined ? all : [body.registry]) {
        try {
          items.push(...(await reconcile(d, { registry, dryRun: body.dryRun })))
        } catch (cause) {
          const message = cause instanceof Error ? cause.message : String(cause)
          throw Object.assign(new ApiError('registry-failed', `${registry}: ${message}`), { cause })
        }
      }
      return { status: 200, body: { items, next: null } }
    },
  }),
]
