import { z } from 'zod'
import { reconcile } from '../../inbox/reconcile.ts'
import { isWatched, watchNow } from '../../watch/watch-now.ts'
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
    summary:
      'Compare registries and database, repair missed events, ask for watched bases outside, answer what differed',
    body: z.strictObject({
      registry: z
        .string()
        .optional()
        .describe('default: all, and every base outside that is watched; or a host outside'),
      dryRun: z.boolean().default(false),
    }),
    responses: { 200: z.object({ items: z.array(Difference), next: z.null() }) },
    problems: ['no-such-registry', 'registry-failed'],
    async handle(d, { body }) {
      const all = d.config.registries.map((registry) => registry.name)
      const only = body.registry === undefined ? null : d.registries.canonicalHost(body.registry)
      const outside = only !== null && !all.includes(only) && (await isWatched(d, only))
      if (only !== null && !all.includes(only) && !outside)
        throw new ApiError('no-such-registry', `no registry ${body.registry} is configured`)
      const items: z.infer<typeof Difference>[] = []
      for (const registry of only === null ? all : outside ? [] : [only]) {
        try {
          items.push(...(await reconcile(d, { registry, dryRun: body.dryRun })))
        } catch (cause) {
          const message = cause instanceof Error ? cause.message : String(cause)
          throw Object.assign(new ApiError('registry-failed', `${registry}: ${message}`), { cause })
        }
      }
      if (only === null || outside) items.push(...(await watchNow(d, { host: only, dryRun: body.dryRun })))
      return { status: 200, body: { items, next: null } }
    },
  }),
]
