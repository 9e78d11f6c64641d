import type { Command } from 'commander'
import { type Client, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { short, table } from './table.ts'

type Difference = { ref: string; kind: string; from: string | null; to: string | null }
type Compared = { registry: string; compared: number; differed: number; first: boolean }
type Answer = { items: Difference[]; registries: Compared[]; failed: { ref: string; error: string }[] }
type RegistryView = { name: string; pass: { compared: number; differed: number } | null }

const refreshMs = 1000

/** `drydock reconcile`: compares registry and database, repairs missed events, prints what differed. */
export const reconcileCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'reconcile', 'compare registry and database, and repair missed events')
    .option('--registry <name>', 'one registry only')
    .option('--dry-run', 'change nothing')
    .action(async (options: { registry?: string; dryRun?: boolean; json?: boolean }) => {
      const api = client(ctx.env)
      const body = { dryRun: options.dryRun === true, ...(options.registry ? { registry: options.registry } : {}) }
      const endProgress = ctx.stderr.isTTY ? showProgress(ctx, api) : () => {}
      const answer = api.json<Answer>('POST', '/reconcile', body)
      const { items, registries, failed } = await answer.finally(endProgress)
      for (const { ref, error } of failed) ctx.stderr.write(`${ref} could not be asked for: ${error}\n`)
      // of a host that was asked for by name that is a failure; of all, some may well be away
      if (failed.length > 0 && options.registry)
        ctx.fail(`drydock: ${options.registry} could not be asked for everything`)
      if (options.json) return print(ctx, items)
      table(
        ctx,
        ['tag', 'what', 'was', 'is'],
        items.map((d) => [d.ref, d.kind, short(d.from), short(d.to)]),
      )
      for (const line of linesOf(registries, options.dryRun === true)) if (ctx.stdout.isTTY) say(ctx, line)
      for (const { registry, first } of registries)
        if (first && !options.dryRun)
          ctx.stderr.write(`${registry} was compared for the first time: what its tags were before is not known\n`)
    })
}

const linesOf = (registries: Compared[], dryRun: boolean): string[] =>
  registries.map(({ registry, compared, differed }) => {
    const found = differed === 0 ? 'nothing differed' : `${differed} differed${dryRun ? '; nothing was changed' : ''}`
    return `${registry}: ${compared} tags compared, ${found}`
  })

/** Tells on the terminal how far the comparison has come, for as long as it takes. Answers how to end that. */
function showProgress(ctx: Context, api: Client): () => void {
  ctx.stderr.write('comparing …')
  const ask = async () => {
    const { items } = await api.json<{ items: RegistryView[] }>('GET', '/registries')
    const under = items.flatMap(({ name, pass }) =>
      pass ? [`${name}: ${pass.compared} compared, ${pass.differed} differed`] : [],
    )
    if (under.length > 0) ctx.stderr.write(`\r\x1b[Kcomparing … ${under.join('; ')}`)
  }
  const timer = setInterval(() => {
    ask().catch((error: Error) => ctx.stderr.write(`\r\x1b[Kcomparing … (${error.message})`))
  }, refreshMs)
  return () => {
    clearInterval(timer)
    ctx.stderr.write('\r\x1b[K')
  }
}
