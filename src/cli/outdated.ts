import type { Command } from 'commander'
import { type Client, client, clientCommand, print, query } from './client.ts'
import type { Context } from './context.ts'
import { age, state, table } from './table.ts'
import type { NewerView, OutdatedView } from './views.ts'

type Options = { namespace?: string; base?: string; newer?: boolean; ignored?: boolean; json?: boolean }

/** `drydock outdated`: table of outdated tags, worst (oldest) first; with --newer, of tags whose base has a later version. */
export const outdatedCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'outdated', 'list outdated tags, those outdated longest first')
    .option('--namespace <ns>', 'of one namespace')
    .option('--base <ref>', 'outdated by this base, or through it')
    .option('--ignored', 'also tags that do not matter by a policy')
    .option('--newer', 'instead: tags with a base of which a later version is there under another tag')
    .action((options: Options) => {
      if (options.newer && options.base !== undefined) return ctx.fail('--base is not for --newer', 2)
      return options.newer ? newer(ctx, options) : outdated(ctx, options)
    })
}

async function outdated(ctx: Context, options: Options): Promise<void> {
  const { namespace, base } = options
  const path = `/outdated${query({ namespace, base, ignored: options.ignored ? 'true' : undefined })}`
  const items = await every<OutdatedView>(client(ctx.env), path)
  if (options.json) return print(ctx, items)
  if (items.length === 0 && ctx.stdout.isTTY) return void ctx.stdout.write('nothing is outdated\n')
  const rows = items.map((item) => [
    item.ref,
    age(item.outdatedSince),
    item.causes.map(cause).join('; '),
    [state(ctx, item.rebuild.state), ...marks(item)].join(', '),
  ])
  table(ctx, ['tag', 'for', 'because of', 'rebuild'], rows)
}

async function newer(ctx: Context, options: Options): Promise<void> {
  const path = `/newer${query({ namespace: options.namespace, ignored: options.ignored ? 'true' : undefined })}`
  const items = await every<NewerView>(client(ctx.env), path)
  if (options.json) return print(ctx, items)
  if (items.length === 0 && ctx.stdout.isTTY) return void ctx.stdout.write('no base has a newer tag\n')
  const rows = items.flatMap((item) => item.newer.map((b) => [item.ref, b.base, b.newer ?? '-', b.newest ?? '-']))
  table(ctx, ['tag', 'base', 'newer', 'newest of all'], rows)
}

async function every<T>(api: Client, path: string): Promise<T[]> {
  const items: T[] = []
  for await (const item of api.all<T>(path)) items.push(item)
  return items
}

const cause = (c: OutdatedView['causes'][number]): string =>
  `${c.base}${c.via ? ` via ${c.via}` : ''}${c.confidence === 'declared' ? '' : ` (${c.confidence})`}`

const marks = ({ snoozed, ignored }: OutdatedView): string[] => [
  ...(snoozed ? [`snoozed until ${snoozed.expiresAt.slice(0, 16)}Z: ${snoozed.reason}`] : []),
  ...(ignored ? [`ignored: ${ignored.rule} ${ignored.detail} (${ignored.scope})`] : []),
]
