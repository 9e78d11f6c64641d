import { type Command, InvalidArgumentError } from 'commander'
import type { Role } from '../main.ts'
import type { Context } from './context.ts'

/** How long an end in good order may take, milliseconds: less than the ten seconds that Docker gives before SIGKILL. */
const patience = 9_000

const all: Role[] = ['web', 'worker', 'builder']

function roles(text: string): Role[] {
  const names = text.split(',').map((name) => name.trim())
  const wrong = names.filter((name) => !all.includes(name as Role))
  if (wrong.length > 0) throw new InvalidArgumentError(`no such role: ${wrong.join(', ')} (web, worker, builder)`)
  return names as Role[]
}

/** `drydock serve`: the service, until SIGTERM or SIGINT. */
export const serveCommand = (program: Command, ctx: Context): void => {
  program
    .command('serve')
    .description('run the service')
    .option('--roles <list>', 'what this process does: web, worker, builder', roles, all)
    .action(async (options: { roles: Role[] }) => {
      // Loaded here alone: the service's parts cost a client command most of a second.
      const { serve } = await import('../main.ts')
      const service = await serve(ctx.env, options.roles)
      let stopping = false
      const stop = () => {
        if (stopping) return
        stopping = true
        // with the database away the queue would wait for it; what is left undone is taken up by the next start, as after SIGKILL
        setTimeout(() => {
          ctx.fail(`drydock: not ended in good order within ${patience / 1000} s`)
          process.exit(1)
        }, patience).unref()
        service.close().then(
          () => process.exit(0),
          (error: unknown) => {
            ctx.fail(`drydock: ${error instanceof Error ? error.message : String(error)}`)
            process.exit(1)
          },
        )
      }
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)
    })
}
