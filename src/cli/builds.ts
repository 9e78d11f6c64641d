import { type Command, InvalidArgumentError, Option } from 'commander'
import { client, clientCommand, print, query } from './client.ts'
import type { Context } from './context.ts'
import { short, state, table } from './table.ts'
import type { BuildView } from './views.ts'

const states = ['queued', 'running', 'succeeded', 'failed', 'cancelled']

function limit(text: string): string {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 500) return text
  throw new InvalidArgumentError('It must be a number from 1 to 500.')
}

/** `drydock builds`: the latest builds. */
export const buildsCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'builds', 'list builds, newest first')
    .option('--ref <ref>', 'of one tag')
    .addOption(new Option('--state <state>', 'in one state').choices(states))
    .option('--limit <n>', 'how many at most', limit, '50')
    .action(async (options: { ref?: string; state?: string; limit: string; json?: boolean }) => {
      const path = `/builds${query({ ref: options.ref, state: options.state, limit: options.limit })}`
      const { items } = await client(ctx.env).json<{ items: BuildView[] }>('GET', path)
      if (options.json) return print(ctx, items)
      const rows = items.map((b) => [
        b.id,
        b.ref,
        state(ctx, b.state),
        b.reason.kind,
        b.createdAt,
        short(b.digest),
        b.error?.code ?? '',
      ])
      table(ctx, ['build', 'tag', 'state', 'reason', 'created', 'digest', 'error'], rows)
    })
}
