import type { Command } from 'commander'
import { client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import type { BuildView } from './views.ts'

/** `drydock cancel BUILD`: cancels a build that waits or runs. */
export const cancelCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'cancel', 'cancel a build')
    .argument('<build>', 'its id')
    .action(async (id: string, options: { json?: boolean }) => {
      const build = await client(ctx.env).json<BuildView>('POST', `/builds/${encodeURIComponent(id)}/cancel`)
      if (options.json) print(ctx, build)
      else say(ctx, build.state === 'running' ? 'asked to stop' : build.state)
    })
}
