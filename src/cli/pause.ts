import type { Command } from 'commander'
import { at, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'

type View = { scope: string; reason: string | null; by: string | null; since: string }

const where = (scope: string): string => (scope === '*' ? 'everywhere' : `in ${scope}`)

/** `drydock pause [NS]`, `drydock resume [NS]`, `drydock pauses`: without a namespace everywhere. */
export const pauseCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'pause', 'start no build by itself, in a namespace or everywhere')
    .argument('[namespace]', 'default: everywhere', '*')
    .option('--reason <text>', 'why')
    .option('--by <name>', 'who asks for it (default: the user)')
    .action(async (ns: string, o: { reason?: string; by?: string; json?: boolean }) => {
      const by = o.by ?? ctx.env.USER
      const body = { ...(o.reason ? { reason: o.reason } : {}), ...(by ? { by } : {}) }
      const stored = await client(ctx.env).json<View>('PUT', `/pauses/${at(ns)}`, body)
      if (o.json) print(ctx, stored)
      else say(ctx, `no build starts by itself ${where(stored.scope)}`)
    })
  clientCommand(program, 'resume', 'end a pause')
    .argument('[namespace]', 'default: that of everywhere', '*')
    .action(async (ns: string, o: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', `/pauses/${at(ns)}`)
      if (o.json) print(ctx, { scope: ns, removed: true })
      else say(ctx, `builds start by themselves again ${where(ns)}`)
    })
  clientCommand(program, 'pauses', 'where no build starts by itself').action(async (o: { json?: boolean }) => {
    const items: View[] = []
    for await (const item of client(ctx.env).all<View>('/pauses')) items.push(item)
    if (o.json) return print(ctx, items)
    table(
      ctx,
      ['where', 'since', 'by', 'reason'],
      items.map((item) => [item.scope, item.since, item.by ?? '-', item.reason ?? '-']),
    )
  })
}
