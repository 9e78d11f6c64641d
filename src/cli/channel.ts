import { type Command, Option } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { readInput } from './read-input.ts'
import { table } from './table.ts'

type Channel = { name: string; kind: string; events: string[]; enabled: boolean; because: string | null }
type Delivery = {
  id: string
  type: string
  state: string
  attempts: number
  status: number | null
  answer: string | null
  createdAt: string
}
type Set = { kind: string; urlFile?: string; secretFile?: string; events?: string; disable?: boolean; json?: boolean }

/** `drydock channel …`: where a namespace is told besides mail. Address and secret come from files, never from the arguments. */
export const channelCommand = (program: Command, ctx: Context): void => {
  const channel = program.command('channel').description('where a namespace is told besides mail')
  const path = (ns: string, name: string) => `/namespaces/${at(ns)}/channels/${at(name)}`
  const sub = (name: string, description: string) =>
    channel.command(name).description(description).argument('<namespace>').option('--json', 'print JSON')
  channel
    .command('set')
    .description('make a channel, or change it')
    .argument('<namespace>')
    .argument('<name>')
    .addOption(
      new Option('--kind <kind>', 'slack is Mattermost too')
        .choices(['webhook', 'slack', 'matrix'])
        .makeOptionMandatory(),
    )
    .option('--url-file <file>', 'the address (- for standard input); needed for a new channel')
    .option('--secret-file <file>', 'what a webhook is signed with; default: one is made and shown this once')
    .option('--events <list>', 'of outdated,rebuilt,failed,still; default: all but rebuilt')
    .option('--disable', 'tell it nothing, until it is set again')
    .option('--json', 'print JSON')
    .action(async (ns: string, name: string, o: Set) => {
      const read = async (file: string) => (await readInput(ctx, file)).trim()
      const body = {
        kind: o.kind,
        ...(o.urlFile ? { url: await read(o.urlFile) } : {}),
        ...(o.secretFile ? { secret: await read(o.secretFile) } : {}),
        ...(o.events ? { events: o.events.split(',').map((event) => event.trim()) } : {}),
        enabled: !o.disable,
      }
      const stored = await client(ctx.env).json<Channel & { secret: string | null }>('PUT', path(ns, name), body)
      if (o.json) return print(ctx, stored)
      say(ctx, `stored ${name} of ${ns}: ${stored.events.join(', ')}`)
      if (stored.secret !== null) say(ctx, `Secret  ${stored.secret}   (shown this once)`)
    })
  sub('list', 'its channels').action(async (ns: string, o: { json?: boolean }) => {
    const { items } = await client(ctx.env).json<{ items: Channel[] }>('GET', `/namespaces/${at(ns)}/channels`)
    if (o.json) return print(ctx, items)
    const state = ({ enabled, because }: Channel) => (enabled ? 'enabled' : `disabled${because ? `: ${because}` : ''}`)
    table(
      ctx,
      ['NAME', 'KIND', 'TOLD', 'STATE'],
      items.map((c) => [c.name, c.kind, c.events.join(', '), state(c)]),
    )
  })
  sub('rm', 'remove a channel')
    .argument('<name>')
    .action(async (ns: string, name: string, o: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', path(ns, name))
      if (o.json) print(ctx, { namespace: ns, name, removed: true })
      else say(ctx, `removed ${name} of ${ns}`)
    })
  sub('test', 'send a channel a message that says that it works')
    .argument('<name>')
    .action(async (ns: string, name: string, o: { json?: boolean }) => {
      const queued = await client(ctx.env).json<{ delivery: string }>('POST', `${path(ns, name)}/test`)
      if (o.json) print(ctx, queued)
      else say(ctx, `queued as ${queued.delivery}: see drydock channel deliveries ${ns} ${name}`)
    })
  sub('deliveries', 'what a channel was sent, newest first')
    .argument('<name>')
    .option('--limit <n>', 'at most so many', '20')
    .action(async (ns: string, name: string, o: { json?: boolean; limit: string }) => {
      const query = new URLSearchParams({ limit: o.limit })
      const { items } = await client(ctx.env).json<{ items: Delivery[] }>(
        'GET',
        `${path(ns, name)}/deliveries?${query}`,
      )
      if (o.json) return print(ctx, items)
      const row = (d: Delivery) => [d.id, d.createdAt, d.type, d.state, String(d.attempts), answerOf(d)]
      table(ctx, ['ID', 'MADE', 'TYPE', 'STATE', 'TRIES', 'ANSWER'], items.map(row))
    })
  channel
    .command('replay')
    .description('send a delivery again, under the same id')
    .argument('<delivery>')
    .option('--json', 'print JSON')
    .action(async (id: string, o: { json?: boolean }) => {
      await client(ctx.env).json('POST', `/deliveries/${at(id)}/replay`)
      if (o.json) print(ctx, { delivery: id, queued: true })
      else say(ctx, `queued ${id}`)
    })
}

const answerOf = ({ status, answer }: Delivery): string =>
  [status, answer?.split('\n')[0]?.slice(0, 60)].filter((part) => part !== null && part !== undefined).join(' ')
