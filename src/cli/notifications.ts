import { type Command, InvalidArgumentError, Option } from 'commander'
import { at, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'

type Settings = {
  every: string
  timeZone: string
  hour: number
  rebuilt: boolean
  failed: boolean
  still: boolean
  namespaces: Record<string, string>
}
type Options = {
  user?: string
  namespace?: string
  every?: string
  timeZone?: string
  hour?: number
  json?: boolean
} & Partial<Record<'rebuilt' | 'failed' | 'still', 'on' | 'off'>>

const followUps = ['rebuilt', 'failed', 'still'] as const

/** `drydock notifications`: shows how one is written to; with options changes that first, and leaves the rest as it is. */
export const notificationsCommand = (program: Command, ctx: Context): void => {
  const command = clientCommand(program, 'notifications', 'how you are written to; with options, change that')
    .option('--user <name>', 'of somebody else (for admins)')
    .addOption(new Option('--every <how often>').choices(['immediately', 'daily', 'weekly', 'off', 'default']))
    .option('--namespace <ns>', 'with --every: of this namespace alone; "default" = as all others')
    .option('--time-zone <zone>', 'for --hour, as Europe/Berlin')
    .option('--hour <hour>', 'of daily mails, and on Monday of weekly ones: 0 to 23', hourOf)
  for (const kind of followUps)
    command.addOption(new Option(`--${kind} <on|off>`, followUpWords[kind]).choices(['on', 'off']))
  command.action(async (o: Options) => {
    const api = client(ctx.env)
    const path = o.user === undefined ? '/me/notifications' : `/users/${at(o.user)}/notifications`
    const before = await api.json<Settings>('GET', path)
    const wanted = changed(before, o)
    const now =
      JSON.stringify(wanted) === JSON.stringify(before) ? before : await api.json<Settings>('PUT', path, wanted)
    if (o.json) return print(ctx, now)
    const { every, timeZone, hour, namespaces } = now
    const when = every === 'daily' || every === 'weekly' ? `, at ${hour} o'clock in ${timeZone}` : ''
    say(ctx, `mails: ${every}${when}`)
    for (const kind of followUps) say(ctx, `  ${followUpWords[kind]}: ${now[kind] ? 'on' : 'off'}`)
    const own = Object.entries(namespaces)
    if (own.length > 0) table(ctx, ['namespace', 'mails'], own)
  })
}

const followUpWords = {
  rebuilt: 'when a tag was rebuilt',
  failed: 'when a rebuild failed',
  still: 'weekly, what is outdated still',
}

function changed(before: Settings, o: Options): Settings {
  const said = Object.fromEntries(followUps.flatMap((kind) => (o[kind] ? [[kind, o[kind] === 'on']] : [])))
  const time = {
    ...(o.timeZone === undefined ? {} : { timeZone: o.timeZone }),
    ...(o.hour === undefined ? {} : { hour: o.hour }),
  }
  const after = { ...before, ...said, ...time }
  if (o.namespace === undefined) {
    if (o.every === 'default') return { ...after, every: 'immediately' }
    return o.every === undefined ? after : { ...after, every: o.every }
  }
  if (o.every === undefined) throw new Error('--namespace needs --every')
  const { [o.namespace]: _, ...others } = before.namespaces
  return { ...after, namespaces: o.every === 'default' ? others : { ...others, [o.namespace]: o.every } }
}

function hourOf(text: string): number {
  const hour = Number(text)
  if (!/^\d{1,2}$/.test(text) || hour > 23) throw new InvalidArgumentError('an hour is 0 to 23')
  return hour
}
