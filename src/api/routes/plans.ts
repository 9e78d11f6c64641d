import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { approvePlan, cancelPlan } from '../../plan/decide-plan.ts'
import { silentDecisions } from '../../plan/preview-node.ts'
import { findPlan, lastLevel, listPlans, type NodeRow, type PlanRow, planNodes } from '../../plan/read-plans.ts'
import { ofPlan, person } from '../access-of.ts'
import { IdParams } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery, timeAndId } from '../page.ts'
import { ApiError } from '../problem.ts'
import { toldOf } from '../push-plan.ts'
import { route } from '../route.ts'
import { FanOut, FanOutNode, planStates, showNode, showPlan, WholeFanOut } from '../schemas/plans.ts'

const uuid = z.uuid()
const nodesAtOnce = 500
/** A cursor of nodes: level and ref. */
const levelAndRef = z.tuple([z.int().min(1).max(lastLevel), z.string()])
const nodeKey = (node: NodeRow) => [node.level ?? lastLevel, node.ref] as const
const By = z.strictObject({
  by: z.string().trim().min(1).max(200).default('admin').describe('who asks for it, as shown to others'),
})

async function planOf(d: Pick<Deps, 'sql'>, id: string): Promise<PlanRow> {
  const row = uuid.safeParse(id).success ? await findPlan(d, id) : null
  if (!row) throw new ApiError('no-such-plan', `no plan ${id}`)
  return row
}

async function decided(
  d: Deps,
  id: string,
  decide: () => ReturnType<typeof approvePlan>,
): Promise<z.infer<typeof FanOut>> {
  const { state } = await planOf(d, id)
  if ((await decide()) === 'over') throw new ApiError('plan-over', `the plan is ${state}`)
  return showPlan(await planOf(d, id))
}

export const planRoutes = [
  route({
    method: 'get',
    path: '/plans',
    access: person,
    summary: 'Fan-outs, newest first: what each outside change has set off or is about to',
    query: z.object({ ...pageQuery, state: z.enum(planStates).optional() }),
    responses: { 200: pageOf(FanOut) },
    async handle(d, { query }) {
      const after = decodeCursor(query.cursor, timeAndId)
      const rows = await listPlans(d, { state: query.state ?? null, after, limit: query.limit + 1 })
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
    async handle(d, { params }) {
      const plan = await planOf(d, params.id)
      const rows = await planNodes(d, plan.id, { after: null, limit: nodesAtOnce + 1 })
      const { items: nodes, next } = page(rows, nodesAtOnce, nodeKey, showNode)
      const refs = await d.sql<{ ref: string }[]>`
        select ref from plan_node where plan_id = ${plan.id} and (because is null or because <> all(${[...silentDecisions]}))`
      const told = await d.sql.begin((tx) =>
        toldOf(
          d,
          tx,
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
    async handle(d, { params, query }) {
      const after = decodeCursor(query.cursor, levelAndRef)
      const known = uuid.safeParse(params.id).success
      const rows = known ? await planNodes(d, params.id, { after, limit: query.limit + 1 }) : []
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
    handle: async (d, { params, body }) => ({
      status: 200,
      body: await decided(d, params.id, () => approvePlan(d, params.id, body.by)),
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
    handle: async (d, { params, body }) => ({
      status: 200,
      body: await decided(d, params.id, () => cancelPlan(d, params.id, body.by)),
    }),
  }),
]
