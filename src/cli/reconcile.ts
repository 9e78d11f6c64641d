import type { Command } from 'commander'
import { client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { short, table } from './table.ts'

type Difference = { ref: string; kind: string; from: string | null; to: string | null }

/** `drydock reconcile`: compares registry and database, repairs missed events, prints what differed. */
export const reconcileCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'reconcile', 'compare registry and database, and repair missed events')
    .option('--registry <name>', 'one registry only')
    .option('--dry-run', 'change nothing')
    .action(async (options: { registry?: string; dryRun?: boolean; json?: boolean }) => {
      if (ctx.stderr.isTTY) ctx.stderr.write('comparing …\n')
      const body = { dryRun: options.dryRun === true, ...(options.registry ? { registry: options.registry } : {}) }
      const { items } = await client(ctx.env).json<{ items: Difference[] }>('POST', '/reconcile', body)
      if (options.json) return print(ctx, items)
      table(
        ctx,
        ['tag', 'what', 'was', 'is'],
        items.map((d) => [d.ref, d.kind, short(d.from), short(d.to)]),
      )
      if (ctx.stdout.isTTY)
        say(
          ctx,
          items.length === 0
            ? 'nothing differed'
            : `${items.length} differed${options.dryRun ? '; nothing was changed' : ''}`,
        )
    })
}
