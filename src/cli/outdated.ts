import type { Command } from 'commander'
import { client, clientCommand, print, query } from './client.ts'
import type { Context } from './context.ts'
import { age, state, table } from './table.ts'
import type { OutdatedView } from './views.ts'

/** `drydock outdated`: table of outdated tags, worst (oldest) first. */
export const outdatedCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'outdated', 'list outdated tags, those outdated longest first')
    .option('--namespace <ns>', 'of one namespace')
    .option('--base <ref>', 'outdated by this base, or through it')
    .action(async (options: { namespace?: string; base?: string; json?: boolean }) => {
      const items: OutdatedView[] = []
      const path = `/outdated${query({ namespace: options.namespace, base: options.base })}`
      for await (const item of client(ctx.env).all<OutdatedView>(path)) items.push(item)
      if (options.json) return print(ctx, items)
      if (items.length === 0 && ctx.stdout.isTTY) return void ctx.stdout.write('nothing is outdated\n')
      const rows = items.map((item) => [
        item.ref,
        age(item.outdatedSince),
        item.causes.map(cause).join('; '),
        state(ctx, item.rebuild.state),
      ])
      table(ctx, ['tag', 'for', 'because of', 'rebuild'], rows)
    })
}

const cause = (c: OutdatedView['causes'][number]): string =>
  `${c.base}${c.via ? ` via ${c.via}` : ''}${c.confidence === 'declared' ? '' : ` (${c.confidence})`}`
