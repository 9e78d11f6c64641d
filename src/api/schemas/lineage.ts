import { z } from 'zod'
import { Confidence, Digest, Role, Status } from './tag.ts'

export const LineageNode = z
  .object({
    ref: z.string(),
    aliases: z
      .array(z.string())
      .describe('other tags at the same digest that stand for it here: bases of, or based on, the same'),
    digest: Digest.nullable().describe(
      'its head; null: nothing is known of it here, it was deleted, or it is withheld',
    ),
    status: Status.nullable(),
    platforms: z
      .array(z.string())
      .describe('on which it is related to the node above; of the root, or an unrelated one, its own'),
    role: Role.nullable().describe('of the base in what is built on it; null: the root'),
    confidence: Confidence.nullable().describe('how sure the relation to the node above is; null: the root'),
    again: z.boolean().describe('it stands, with what follows, further up in this tree'),
    cycle: z.boolean().describe('it is one of the nodes above itself: a cycle'),
    more: z.int().min(0).describe('what follows and is left out, because of `depth` or size; counted up to 100,000'),
    get children() {
      return z.array(LineageNode)
    },
  })
  .meta({ id: 'LineageNode' })
export type LineageNode = z.infer<typeof LineageNode>

export const Lineage = z
  .object({
    direction: z.enum(['up', 'down']),
    depth: z.int().nullable().describe('as asked for; null: all of it'),
    truncated: z.boolean().describe('something is left out because of size; the `more` of the nodes say where'),
    root: LineageNode,
  })
  .meta({ id: 'Lineage' })
export type Lineage = z.infer<typeof Lineage>
