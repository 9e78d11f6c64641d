import type { Command } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { readInput } from './read-input.ts'

type View = { url: string; updatedAt: string }
type Stored = View & { secret: string | null }

/** `drydock git-hook set|show|rm NS`: where a git server tells its pushes. A secret of your own comes from a file, never from the arguments. */
export const gitHookCommand = (program: Command, ctx: Context): void => {
  const hook = program.command('git-hook').description('pushes to git that build the recipes of a namespace')
  const path = (ns: string) => `/namespaces/${at(ns)}/git-hook`
  hook
    .command('set')
    .description('make the hook of a namespace, or give it a new secret')
    .argument('<namespace>')
    .option('--secret-file <file>', 'the secret (- for standard input); default: one is made and shown this once')
    .option('--json', 'print JSON')
    .action(async (ns: string, o: { secretFile?: string; json?: boolean }) => {
      const secret = o.secretFile === undefined ? undefined : (await readInput(ctx, o.secretFile)).replace(/\r?\n$/, '')
      const stored = await client(ctx.env).json<Stored>('PUT', path(ns), secret === undefined ? {} : { secret })
      if (o.json) return print(ctx, stored)
      say(ctx, `URL     ${stored.url}`)
      if (stored.secret !== null) say(ctx, `Secret  ${stored.secret}   (shown this once)`)
    })
  hook
    .command('show')
    .description('the URL for the git server')
    .argument('<namespace>')
    .option('--json', 'print JSON')
    .action(async (ns: string, o: { json?: boolean }) => {
      const found = await client(ctx.env).json<View>('GET', path(ns))
      if (o.json) print(ctx, found)
      else say(ctx, `${found.url}   (since ${found.updatedAt})`)
    })
  hook
    .command('rm')
    .description('take no more pushes for a namespace')
    .argument('<namespace>')
    .option('--json', 'print JSON')
    .action(async (ns: string, o: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', path(ns))
      if (o.json) print(ctx, { namespace: ns, removed: true })
      else say(ctx, `removed the git hook of ${ns}`)
    })
}
