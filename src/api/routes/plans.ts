import { z } from 'zod'
import { keyOfRefSql } from '../../access/key-of-ref.ts'
import type { Principal } from '../../access/principal.ts'
import { readableBy, readableRef, readsEverything } from '../../access/readable-by.ts'
import type { Deps } from '../../deps.ts'
import { approvePlan, cancelPlan } from '../../plan/decide-plan.ts'
import { silentDecisions } from '../../plan/preview-node.ts'
import {
  findPlan,
  lastLevel,
  listPlans,
  type NodeRow,
  type PlanReader,
  type PlanRow,
  planNodes,
} from '../../plan/read-plans.ts'
import { ofPlan, person } from '../access-of.ts'
import { lookUp } from '../look-up-details.ts'
import { IdParams } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery, timeAndId } from '../page.ts'
import { ApiError } from '../problem.ts'
import { toldOf } from '../push-plan.ts'
import { route } from '../route.ts'
import { saidBy } from '../said-by.ts'
import { FanOut, FanOutNode, planStates, showNode, showPlan, WholeFanOut } from '../schemas/plans.ts'

const uuid = z.uuid()
const nodesAtOnce = 500
/** A cursor of nodes: level and ref. */
const levelAndRef = z.tuple([z.int().min(1).max(lastLevel), z.string()])
const nodeKey = (node: NodeRow) => [node.level ?? lastLevel, node.ref] as const
const By = z.strictObject({
  by: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .describe('who asks for it, as shown to others; others than admins are themselves'),
})

/** What of plans somebody sees: the nodes and builds that they may read, and so the plans that have such a node, or whose base is theirs to read. */
const planReader = (d: Pick<Deps, 'sql' | 'config'>, principal: Principal): PlanReader => ({
  everything: readsEverything(principal),
  base: (base) => readableBy(d.sql, principal, keyOfRefSql(d.sql, d, base)),
  node: (ref) => readableRef(d, principal, ref),
  build: (key) => readableBy(d.sql, principal, key),
})

async function planOf(d: Pick<Deps, 'sql'>, mine: PlanReader, id: string): Promise<PlanRow> {
  const row = uuid.safeParse(id).success ? await findPlan(d, id, mine) : null
  if (!row) throw new ApiError('no-such-plan', `no plan ${id}`)
  return row
}

async function decided(
  d: Deps,
  principal: Principal,
  id: string,
  decide: () => ReturnType<typeof approvePlan>,
): Promise<z.infer<typeof FanOut>> {
  const mine = planReader(d, principal)
  const { state } = await planOf(d, mine, id)
  if ((await decide()) === 'over') throw new ApiError('plan-over', `the plan is ${state}`)
  return showPlan(await planOf(d, mine, id))
}

/** Of which change the fan-out is, and in whose name it is decided. */
const planSaid = async (
  d: Pick<Deps, 'sql'>,
  { params, body }: { params: { id: string }; body: z.infer<typeof By> },
) => ({
  ...(await lookUp(d, params.id, (id) => d.sql`select root, base from plan where id = ${id}`)),
  by: body.by,
})

export const planRoutes = [
  route({
    method: 'get',
    path: '/plans',
    access: person,
    summary: 'Fan-outs, newest first: what each outside change has set off or is about to',
    query: z.object({ ...pageQuery, state: z.enum(planStates).optional() }),
    responses: { 200: pageOf(FanOut) },
    async handle(d, { query, principal }) {
      const after = decodeCursor(query.cursor, timeAndId)
      const mine = planReader(d, principal)
      const rows = await listPlans(d, { state: query.state ?? null, after, limit: query.limit + 1, mine })
      return { status: 200, body: page(rows, query.limit, (row) => [row.createdAt.toISOString(), row.id], showPlan) }
    },
  }),
  route({
    method: 'get',
    path: '/plans/{id}',
    access: ofPlan('read'),
    summary: 'One fan-out, its nodes with what has become of them, and who is told',
    params: IdParams,
    responses: { 200: WholeFanOut },
    problems: ['no-such-plan'],
    async handle(d, { params, principal }) {
      const mine = planReader(d, principal)
      const plan = await planOf(d, mine, params.id)
      const rows = await planNodes(d, plan.id, { after: null, limit: nodesAtOnce + 1, mine })
      const { items: nodes, next } = page(rows, nodesAtOnce, nodeKey, showNode)
      const refs = await d.sql<{ ref: string }[]>`
        select ref from plan_node where plan_id = ${plan.id} and (because is null or because <> all(${[...silentDecisions]}))`
      const told = await d.sql.begin((tx) =>
        toldOf(
          d,
          tx,
          principal,
          refs.map(({ ref }) => ref),
        ),
      )
      return { status: 200, body: { ...showPlan(plan), nodes, next, told } }
    },
  }),
  route({
    method: 'get',
    path: '/plans/{id}/nodes',
    access: ofPlan('read'),
    summary: 'The nodes of a fan-out, by level; none where there is no such plan',
    params: IdParams,
    query: z.object(pageQuery),
    responses: { 200: pageOf(FanOutNode) },
    async handle(d, { params, query, principal }) {
      const after = decodeCursor(query.cursor, levelAndRef)
      const known = uuid.safeParse(params.id).success
      const rows = known
        ? await planNodes(d, params.id, { after, limit: query.limit + 1, mine: planReader(d, principal) })
        : []
      return { status: 200, body: page(rows, query.limit, nodeKey, showNode) }
    },
  }),
  route({
    method: 'post',
    path: '/plans/{id}/approve',
    access: ofPlan('build'),
    summary: 'Let a fan-out begin, or go on after it was stopped',
    params: IdParams,
    body: By,
    responses: { 200: FanOut },
    problems: ['no-such-plan', 'plan-over'],
    details: planSaid,
    handle: async (d, { params, body, principal }) => ({
      status: 200,
      body: await decided(d, principal, params.id, () => approvePlan(d, params.id, saidBy(principal, body.by))),
    }),
  }),
  route({
    method: 'post',
    path: '/plans/{id}/cancel',
    access: ofPlan('build'),
    summary: 'End a fan-out: its queued builds are withdrawn, running ones go on, and nothing of it starts any more',
    params: IdParams,
    body: By,
    responses: { 200: FanOut },
    problems: ['no-such-plan', 'plan-over'],
    details: planSaid,
    handle: async (d, { params, body, principal }) => ({
      status: 200,
      body: await decided(d, principal, params.id, () => cancelPlan(d, params.id, saidBy(principal, body.by))),
    }),
  }),
]
