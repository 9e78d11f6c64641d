import type { Command } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { bouncedCommand } from './mail-bounced.ts'
import { table } from './table.ts'

type View = {
  id: string
  to: string
  subject: string
  state: string
  error: string | null
  createdAt: string
  nextTryAt: string | null
  sentAt: string | null
}

/** `drydock mail list|show|send|bounced`: what was or is to be sent, one of them, trying it now, and what came back. */
export const mailCommand = (program: Command, ctx: Context): void => {
  const mail = program.command('mail').description('what was or is to be sent')
  mail
    .command('list')
    .description('newest first; to others than admins: to themselves')
    .option('--state <state>', 'pending, sent, failed or kept')
    .option('--to <address>', 'to this address')
    .option('--json', 'print JSON')
    .action(async ({ state, to, json }: { state?: string; to?: string; json?: boolean }) => {
      const query = new URLSearchParams({ ...(state ? { state } : {}), ...(to ? { to } : {}) })
      const items: View[] = []
      for await (const item of client(ctx.env).all<View>(`/mails?${query}`)) items.push(item)
      if (json) return print(ctx, items)
      table(
        ctx,
        ['id', 'to', 'state', 'made', 'next try', 'subject', 'error'],
        items.map((one) => [
          one.id,
          one.to,
          one.state,
          one.createdAt,
          one.nextTryAt ?? '',
          one.subject,
          one.error ?? '',
        ]),
      )
    })
  mail
    .command('show')
    .description('one mail: what is known of it, and its text')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const one = await client(ctx.env).json<View & { text: string }>('GET', `/mails/${at(id)}`)
      if (options.json) return print(ctx, one)
      const known = [
        ['To', one.to],
        ['Subject', one.subject],
        ['State', one.state === 'kept' ? 'kept (unsent: nothing is sent there)' : one.state],
        ['Written', one.createdAt],
        ['Sent', one.sentAt],
        ['Next try', one.nextTryAt],
        ['Error', one.error],
      ]
      for (const [name, value] of known) if (value) say(ctx, `${name}: ${value}`)
      if (one.text !== '') say(ctx, `\n${one.text}`)
    })
  mail
    .command('send')
    .description('try a mail now; what was in one that was given up comes in another (for admins)')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      await client(ctx.env).json('POST', `/mails/${at(id)}/send`)
      if (options.json) print(ctx, { id, due: true })
      else say(ctx, `${id} is tried now`)
    })
  bouncedCommand(mail, ctx)
}
