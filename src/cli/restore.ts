import type { Command } from 'commander'
import { at, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'

type View = { ref: string; digest: string; moved: { ref: string; from: string | null; to: string }[] }

/** `drydock restore REF`: puts a tag back at what it was before its last build. */
export const restoreCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'restore', 'put a tag back at what it was before its last build (again: undo that)')
    .argument('<ref>', 'the tag')
    .action(async (ref: string, options: { json?: boolean }) => {
      const done = await client(ctx.env).json<View>('POST', `/tags/${at(ref)}/restore`)
      if (options.json) return print(ctx, done)
      for (const { ref: moved, from, to } of done.moved) say(ctx, `${moved}: ${from ?? '-'} -> ${to}`)
    })
}
