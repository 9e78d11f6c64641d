import { type Command, Option } from 'commander'
import { at, client, clientCommand, print, query, say } from './client.ts'
import type { Context } from './context.ts'
import { dim, short, state, table } from './table.ts'
import { duration, listed } from './words.ts'

type Plan = {
  id: string
  base: string | null
  to: string | null
  state: string
  because: { message: string } | null
  createdAt: string
  seconds: number | null
  cycles: string[][]
  counts: { nodes: number; toBuild: number; built: number }
}
type Node = {
  ref: string
  level: number | null
  because: string | null
  state: string
  built: boolean
  waitsFor: string[]
}
type Whole = Plan & {
  nodes: Node[]
  next: string | null
  told: { namespace: string; people: { user: string; email: string | null }[] }[]
}

const states = ['approval', 'open', 'stopped', 'cancelled', 'done']

/** `drydock plans [PLAN]`, `drydock approve PLAN`, `drydock cancel-plan PLAN`. What a push would set off is `drydock plan`. */
export const plansCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'plans', 'list what outside changes have set off, newest first; or show one')
    .argument('[plan]', 'the id of one')
    .addOption(new Option('--state <state>', 'in one state').choices(states))
    .action(async (id: string | undefined, o: { state?: string; json?: boolean }) => {
      if (id !== undefined) return showOne(ctx, id, o)
      const path = `/plans${query({ state: o.state, limit: '50' })}`
      const { items } = await client(ctx.env).json<{ items: Plan[] }>('GET', path)
      if (o.json) return print(ctx, items)
      const rows = items.map((p) => [
        p.id,
        p.base ?? changed,
        p.to === null ? '' : short(p.to),
        state(ctx, p.state),
        p.createdAt,
        done(p),
      ])
      table(ctx, ['plan', 'base', 'now at', 'state', 'made', 'built'], rows)
    })
  for (const [name, action, what, said] of [
    ['approve', 'approve', 'let a plan begin, or go on after it was stopped', 'goes on'],
    ['cancel-plan', 'cancel', 'end a plan: nothing of it starts any more; what runs goes on', 'is ended'],
  ] as const)
    clientCommand(program, name, what)
      .argument('<plan>', 'its id')
      .option('--by <name>', 'who asks for it (default: the user)')
      .action(async (id: string, o: { by?: string; json?: boolean }) => {
        const by = o.by ?? ctx.env.USER
        const plan = await client(ctx.env).json<Plan>('POST', `/plans/${at(id)}/${action}`, by ? { by } : {})
        if (o.json) print(ctx, plan)
        else say(ctx, `the plan of ${plan.base ?? changed} ${said}`)
      })
}

/** What stands for the base where there is none. */
const changed = 'recipes'

const done = ({ counts }: Plan): string => `${counts.built} of ${counts.toBuild}`

async function showOne(ctx: Context, id: string, { json }: { json?: boolean }): Promise<void> {
  const plan = await client(ctx.env).json<Whole>('GET', `/plans/${at(id)}`)
  if (json) return print(ctx, plan)
  const why = plan.because ? `: ${plan.because.message}` : ''
  const what = plan.to === null ? `${changed} changed` : `${plan.base} moved to ${short(plan.to)}`
  say(ctx, `${what}; ${state(ctx, plan.state)}${why}`)
  const time = plan.seconds === null ? '' : `; about ${duration(plan.seconds)}`
  say(ctx, `built ${done(plan)} of ${plan.counts.nodes} concerned${time}`)
  for (const node of plan.nodes) say(ctx, lineOf(ctx, node))
  if (plan.next !== null) say(ctx, dim(ctx, `  and ${plan.counts.nodes - plan.nodes.length} more (--json of the API)`))
  for (const cycle of plan.cycles) say(ctx, `based on each other, so that each is built once at most: ${listed(cycle)}`)
  for (const { namespace, people } of plan.told)
    say(ctx, `told in ${namespace}: ${people.map(({ user }) => user).join(', ') || 'nobody'}`)
}

function lineOf(ctx: Context, { ref, level, because, waitsFor, ...node }: Node): string {
  const place = level === null ? '  -' : String(level).padStart(3)
  const waits = waitsFor.length > 0 && node.state === 'waiting' ? `for ${listed(waitsFor)}` : ''
  const then = node.built && node.state !== 'built' ? `${state(ctx, 'built')}, now` : ''
  return `${place} ${ref}  ${[then, state(ctx, node.state), dim(ctx, because ?? waits)].filter((part) => part !== '').join(' ')}`
}
