import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { reconcile } from '../../inbox/reconcile.ts'
import { isWatched, watchNow } from '../../watch/watch-now.ts'
import { admin } from '../access-of.ts'
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

const Compared = z
  .object({
    registry: z.string(),
    compared: z.number().int().describe('tags'),
    differed: z.number().int().describe('tags'),
    first: z.boolean().describe('the first whole comparison: what the tags were before is not known'),
  })
  .meta({ id: 'Compared' })

/** Differences of a registry that one answer holds. */
const most = 10_000

const mostFailed = 100

const failedWatches = async (d: Pick<Deps, 'sql'>, host: string | null) => [
  ...(await d.sql<{ ref: string; error: string }[]>`
    select ref, error from watch where error is not null and (${host}::text is null or host = ${host}) order by ref limit ${mostFailed}`),
]

export const reconcileRoutes = [
  route({
    method: 'post',
    path: '/reconcile',
    access: admin,
    summary:
      'Compare registries and database, repair missed events, ask for watched bases outside, answer what differed',
    body: z.strictObject({
      registry: z
        .string()
        .optional()
        .describe('default: all, and every base outside that is watched; or a host outside'),
      dryRun: z.boolean().default(false),
    }),
    responses: {
      200: z.object({
        items: z.array(Difference).describe(`of each registry the first ${most}`),
        next: z.null(),
        registries: z.array(Compared),
        failed: z
          .array(z.object({ ref: z.string(), error: z.string() }))
          .describe(`bases outside that could not be asked for; the first ${mostFailed}`),
      }),
    },
    problems: ['no-such-registry', 'registry-failed'],
    subject: ({ body }) => `${body.registry ?? 'all'}${body.dryRun ? ' (dry run)' : ''}`,
    details: (_, { body: { dryRun } }) => ({ dryRun }),
    async handle(d, { body }) {
      const all = d.config.registries.map((registry) => registry.name)
      const only = body.registry === undefined ? null : d.registries.canonicalHost(body.registry)
      const outside = only !== null && !all.includes(only) && (await isWatched(d, only))
      if (only !== null && !all.includes(only) && !outside)
        throw new ApiError('no-such-registry', `no registry ${body.registry} is configured`)
      const items: z.infer<typeof Difference>[] = []
      const registries: z.infer<typeof Compared>[] = []
      for (const registry of only === null ? all : outside ? [] : [only]) {
        try {
          const found = await reconcile(d, { registry, dryRun: body.dryRun, keep: most })
          items.push(...found.differences)
          registries.push({ registry, compared: found.compared, differed: found.differed, first: found.first })
        } catch (cause) {
          const message = cause instanceof Error ? cause.message : String(cause)
          throw Object.assign(new ApiError('registry-failed', `${registry}: ${message}`), { cause })
        }
      }
      if (only === null || outside) items.push(...(await watchNow(d, { host: only, dryRun: body.dryRun })))
      const failed = only === null || outside ? await failedWatches(d, only) : []
      return { status: 200, body: { items, next: null, registries, failed } }
    },
  }),
]
