import { type Command, InvalidArgumentError } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'

type View = { id: string; kind: string; ref: string; reason: string; by: string; expiresAt: string }
type AddOptions = { base?: boolean; reason: string; for?: number; until?: string; by?: string; json?: boolean }

/** `drydock snooze add|list|rm`: no mail and no rebuild, until then. */
export const snoozeCommand = (program: Command, ctx: Context): void => {
  const snooze = program
    .command('snooze')
    .description('no mail and no rebuild of a tag, or because of a base, until then')
  snooze
    .command('add')
    .description('snooze a tag, or with --base whatever this base causes')
    .argument('<ref>')
    .requiredOption('--reason <text>', 'why')
    .option('--for <time>', 'how long: 12h, 14d, 6w', duration)
    .option('--until <time>', 'until when, ISO 8601')
    .option('--base', 'the tags that are outdated by this base, or through it')
    .option('--by <name>', 'who asks for it (default: the user)')
    .option('--json', 'print JSON')
    .action(async (ref: string, o: AddOptions) => {
      if ((o.for === undefined) === (o.until === undefined)) return ctx.fail('either --for or --until is wanted', 2)
      const until = o.until === undefined ? new Date(Date.now() + (o.for ?? 0)) : new Date(o.until)
      if (Number.isNaN(until.getTime()))
        return ctx.fail(`--until ${o.until} is no time; 2026-12-24T08:00:00Z is one`, 2)
      const by = o.by ?? ctx.env.USER
      const stored = await client(ctx.env).json<View>('POST', '/snoozes', {
        ...{ kind: o.base ? 'base' : 'tag', ref, reason: o.reason, expiresAt: until.toISOString() },
        ...(by ? { by } : {}),
      })
      if (o.json) print(ctx, stored)
      else say(ctx, `${stored.kind} ${stored.ref} is snoozed until ${stored.expiresAt} (${stored.id})`)
    })
  snooze
    .command('list')
    .description('snoozes that have not ended, the first to end first')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const items: View[] = []
      for await (const item of client(ctx.env).all<View>('/snoozes')) items.push(item)
      if (options.json) return print(ctx, items)
      table(
        ctx,
        ['id', 'kind', 'ref', 'until', 'by', 'reason'],
        items.map((item) => [item.id, item.kind, item.ref, item.expiresAt, item.by, item.reason]),
      )
    })
  snooze
    .command('rm')
    .description('end a snooze: what it held up comes now')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', `/snoozes/${at(id)}`)
      if (options.json) print(ctx, { id, removed: true })
      else say(ctx, `ended ${id}`)
    })
}

const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }

/** Milliseconds. */
function duration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? []
  const size = units[unit]
  if (!count || size === undefined) throw new InvalidArgumentError('30m, 12h, 14d or 6w are such times.')
  return Number(count) * size
}
