import type { Command } from 'commander'
import { client, clientCommand, print } from './client.ts'
import type { Context } from './context.ts'
import { follow } from './follow.ts'

/** `drydock logs BUILD`: the log of a build. */
export const logsCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'logs', 'print the log of a build')
    .argument('<build>', 'its id')
    .option('-f, --follow', 'until it ends')
    .action(async (id: string, options: { follow?: boolean; json?: boolean }) => {
      const api = client(ctx.env)
      let log = ''
      const keep = (text: string) => {
        log += text
      }
      if (options.follow) await follow(ctx, api, id, options.json ? keep : undefined)
      else for await (const text of api.stream(`/builds/${encodeURIComponent(id)}/logs`)) keep(text)
      if (options.json) print(ctx, { id, log })
      else ctx.stdout.write(log)
    })
}
