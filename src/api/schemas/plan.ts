import { z } from 'zod'
import { decisions, decisionWords } from '../../plan/preview-node.ts'
import { Digest } from './tag.ts'

const decisionsSaid = decisions.map((decision) => `${decision}: ${decisionWords[decision]}`).join('; ')
export const Decision = z.enum(decisions).describe(decisionsSaid)

export const PlanNode = z
  .object({
    ref: z.string(),
    decision: Decision.nullable().describe(`${decisionsSaid}; null: it is withheld`),
    level: z
      .int()
      .min(1)
      .nullable()
      .describe('of what is rebuilt, and of what moves along with it: 1 first, then what was built on that'),
    because: z.array(z.string()).describe('the bases it becomes outdated by, or through'),
    waitsFor: z.array(z.string()).describe('what is rebuilt before it, or keeps it from being rebuilt'),
    cycle: z.boolean().describe('it is in one of `cycles`'),
    seconds: z.int().nullable().describe('a build of it takes: the median of the last five; null: none was seen'),
  })
  .meta({ id: 'PlanNode' })

export const Told = z
  .object({
    namespace: z.string(),
    tags: z.int().describe('of it that become outdated'),
    people: z
      .array(z.object({ user: z.string(), email: z.string().nullable().describe('null: for admins and themselves') }))
      .describe('shown to contributors and owners of the namespace'),
  })
  .meta({ id: 'Told' })

export const PushPlan = z
  .object({
    ref: z.string(),
    digest: Digest.nullable().describe('its head now; null: nothing is known of it here, or it was deleted'),
    dependents: z.int().describe('tags based on it, at any depth; counted up to 100,000'),
    truncated: z
      .boolean()
      .describe('only the nearest 2,000 of them, or 100 levels, were looked at: levels may then be higher in truth'),
    counts: z.record(Decision, z.int()).describe('of `nodes` that are not withheld, by decision'),
    seconds: z
      .int()
      .nullable()
      .describe(
        'until the last build has ended, with builders enough, without settling; null: some were never built here',
      ),
    nodes: z.array(PlanNode).describe('what is rebuilt, by level; then the others it concerns, by name'),
    cycles: z.array(z.array(z.string())).describe('tags based on each other: each is rebuilt once'),
    told: z.array(Told).describe('who would be mailed; with DRYDOCK_OBSERVE or without SMTP the mails are kept'),
  })
  .meta({ id: 'PushPlan' })
export type PushPlan = z.infer<typeof PushPlan>
