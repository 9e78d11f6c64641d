import type { Command } from 'commander'
import { type Decision, decisionWords } from '../plan/preview-node.ts'
import { at, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { dim } from './table.ts'
import type { PlanView } from './views.ts'
import { duration, listed } from './words.ts'

type Node = PlanView['nodes'][number]

/** `drydock plan REF`: what a new push of it would set off. Nothing is changed. */
export const planCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'plan', 'what a new push of a tag would rebuild, in which order, and who would be told')
    .argument('<ref>', 'the tag; a base outside, too')
    .action(async (ref: string, options: { json?: boolean }) => {
      const plan = await client(ctx.env).json<PlanView>('GET', `/tags/${at(ref)}/plan`)
      if (options.json) return print(ctx, plan)
      for (const line of linesOf(ctx, plan)) say(ctx, line)
      if (plan.truncated) ctx.stderr.write(`drydock: only the nearest of ${plan.dependents} were looked at\n`)
    })
}

function linesOf(ctx: Context, plan: PlanView): string[] {
  const built = plan.nodes.filter((node) => node.level !== null)
  const others = plan.nodes.filter((node) => node.level === null)
  return [
    headline(
      plan,
      built.filter((node) => node.decision === 'rebuild'),
    ),
    ...built.map((node) => builtLine(ctx, node)),
    ...(others.length > 0 ? ['not rebuilt:'] : []),
    ...others.map((node) => `  ${node.ref}  ${dim(ctx, reason(node, plan.ref))}`),
    ...plan.cycles.map((cycle) => `based on each other, so that each is rebuilt once at most: ${listed(cycle)}`),
    ...(plan.told.length > 0 ? ['told:'] : []),
    ...plan.told.map(({ namespace, tags, people }) => {
      const who =
        people.length === 0
          ? 'nobody'
          : people.map(({ user, email }) => (email === null ? user : `${user} <${email}>`)).join(', ')
      return `  ${namespace}  ${who}  ${dim(ctx, `of ${count(tags, 'tag')}`)}`
    }),
  ]
}

function headline({ ref, dependents, seconds }: PlanView, built: Node[]): string {
  if (dependents === 0) return `nothing is based on ${ref}`
  const what = `a new push of ${ref} would rebuild ${built.length} of the ${count(dependents, 'tag')} based on it`
  if (built.length === 0) return what
  const rounds = count(Math.max(...built.map((node) => node.level!)), 'round')
  return `${what}, in ${rounds}${seconds === null ? '' : ` and about ${duration(seconds)}`}`
}

function builtLine(ctx: Context, { ref, level, decision, waitsFor, cycle, seconds }: Node): string {
  const notes = [
    ...(seconds === null ? [] : [`about ${duration(seconds)}`]),
    ...(waitsFor.length > 0
      ? [`${decision === 'moves-along' ? 'moves along with' : 'after'} ${listed(waitsFor)}`]
      : []),
    ...(cycle ? ['in a cycle'] : []),
  ]
  return [`  ${String(level).padStart(2)}. ${ref}`, ...(notes.length > 0 ? [dim(ctx, notes.join('; '))] : [])].join(
    '  ',
  )
}

/** Why it is not rebuilt; and by which bases it is concerned, where that is not plainly the tag that was asked for. */
function reason({ decision, waitsFor, because }: Node, asked: string): string {
  if (decision === 'waits') return `it waits for ${listed(waitsFor)}, outdated itself`
  const others = because.filter((base) => base !== asked)
  const words = decision === null ? 'not yours to see' : (decisionWords[decision as Decision] ?? decision)
  return others.length > 0 ? `${words} (through ${listed(others)})` : words
}

const count = (n: number, of: string): string => `${n} ${of}${n === 1 ? '' : 's'}`
