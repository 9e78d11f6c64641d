import { z } from 'zod'
import { buildStates, type NodeRow, type PlanRow } from '../../plan/read-plans.ts'
import { Told } from './plan.ts'
import { Time } from './tag.ts'

export const planStates = ['approval', 'open', 'stopped', 'cancelled', 'done'] as const

const Count = z.int().min(0)

export const FanOut = z
  .object({
    id: z.string(),
    root: z
      .string()
      .describe(
        'the outside change: `base@digest`; `recipes@time`, of recipes changed at about one time; `git@…`, of a push to git; or the id of the build that somebody asked for',
      ),
    base: z.string().nullable().describe('null: recipes were changed'),
    from: z.string().nullable(),
    to: z.string().nullable(),
    state: z
      .enum(planStates)
      .describe(
        'approval: it waits for a person, because it is large, or has grown; open: it runs, or waits for what will come; stopped: too many of its first builds failed; done: nothing of it is left to come',
      ),
    because: z.object({ code: z.string(), message: z.string() }).nullable().describe('why it waits or has ended'),
    createdAt: Time,
    approvedBy: z.string().nullable(),
    approvedAt: Time.nullable(),
    approvedNodes: Count.nullable().describe(
      'tags to be built when it was approved: where `builds.approveOver` more than these have come to be, it waits again; null also where some of them are not yours to see',
    ),
    endedAt: Time.nullable(),
    seconds: z
      .int()
      .nullable()
      .describe('expected when it was made, with builders enough; null: some of it was never built here'),
    truncated: z.boolean().describe('more tags are based on it than were looked at: those are added when they are due'),
    cycles: z.array(z.array(z.string())).describe('tags based on each other: each is built at most once'),
    counts: z.object({
      ...{ nodes: Count, toBuild: Count },
      built: Count.describe('tags that a build of it has pushed; `builds` counts a tag as often as it was built'),
    }),
    builds: z.object(
      Object.fromEntries(buildStates.map((state) => [state, Count])) as Record<
        (typeof buildStates)[number],
        typeof Count
      >,
    ),
  })
  .meta({ id: 'FanOut', description: 'All that one outside change sets off' })

export const FanOutNode = z
  .object({
    ref: z.string(),
    level: z
      .int()
      .min(1)
      .nullable()
      .describe('1 is built first; null: not built, because of `because`; with `moves-along` it moves at that level'),
    because: z.string().nullable().describe('why it is not built, as foreseen: a `decision` of `/tags/{ref}/plan`'),
    state: z
      .enum([
        ...['built', 'current', 'none', 'manual', 'pinned', 'settling', 'waiting', 'approval', 'paused'],
        ...['queued', 'running', 'failed'],
      ] as [string, ...string[]])
      .describe('now: built or current = not outdated (any more), else as `rebuild.state` of a tag'),
    built: z.boolean().describe('a build of this plan succeeded, whatever has become of the tag since'),
    waitsFor: z.array(z.string()).describe('what it waits for now; else what is built before it'),
    build: z.string().nullable(),
    seconds: z.int().nullable().describe('expected'),
  })
  .meta({ id: 'FanOutNode' })

export const WholeFanOut = FanOut.extend({
  nodes: z.array(FanOutNode).describe('the first 500: by level, those not built last'),
  next: z.string().nullable().describe('cursor for the rest: `/plans/{id}/nodes`'),
  told: z.array(Told).describe('who is mailed about these tags'),
}).meta({ id: 'WholeFanOut' })

/** Where the reader may not see all that is to be built, what was counted of all is left out: the words of `too-many` name numbers. */
export const showPlan = ({ nodes, toBuild, built, builds, whole, ...row }: PlanRow): z.infer<typeof FanOut> => ({
  ...row,
  approvedNodes: whole ? row.approvedNodes : null,
  because: whole || row.because?.code !== 'too-many' ? row.because : { code: 'too-many', message: tooMany },
  createdAt: row.createdAt.toISOString(),
  approvedAt: row.approvedAt?.toISOString() ?? null,
  endedAt: row.endedAt?.toISOString() ?? null,
  counts: { nodes, toBuild, built },
  builds: { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, ...builds },
})

const tooMany = 'more tags would be built than may be without approval'

export const showNode = (node: NodeRow): z.infer<typeof FanOutNode> => node
