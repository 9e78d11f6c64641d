import type { Command } from 'commander'
import { client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { follow } from './follow.ts'
import type { BuildView } from './views.ts'

/** `drydock build REF`: queues a build by the tag's recipe. */
export const buildCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'build', 'build a tag by its recipe')
    .argument('<ref>', 'the tag')
    .option('--follow', 'print the log and wait for the end')
    .option('--note <text>', 'why')
    .action(async (ref: string, options: { follow?: boolean; note?: string; json?: boolean }) => {
      const api = client(ctx.env)
      const build = await api.json<BuildView>('POST', '/builds', {
        ref,
        ...(options.note ? { note: options.note } : {}),
      })
      // JSON is the whole of what goes to stdout: the log of a build that is followed is beside it
      if (options.json && options.follow)
        return print(ctx, await follow(ctx, api, build.id, (text) => void ctx.stderr.write(text)))
      if (options.json) return print(ctx, build)
      say(ctx, `${build.id} ${build.state}`)
      if (options.follow) await follow(ctx, api, build.id)
    })
}
