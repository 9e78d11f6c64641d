import type { Command } from 'commander'
import type { UserView } from '../people/users.ts'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { readInput } from './read-input.ts'
import { table } from './table.ts'

type IdentityView = { issuer: string; subject: string; createdAt: string }

/** `drydock user list`, `drydock user password|identities NAME`: a password never stands on the command line, where others can read it. */
export const userCommand = (program: Command, ctx: Context): void => {
  const user = program.command('user').description('people who sign in')
  user
    .command('list')
    .description('everybody who is known, by name (for admins)')
    .option('--json', 'print JSON')
    .action(async (o: { json?: boolean }) => {
      const items: UserView[] = []
      for await (const item of client(ctx.env).all<UserView>('/users?limit=500')) items.push(item)
      if (o.json) return print(ctx, items)
      table(
        ctx,
        ['name', 'address', 'called', 'is'],
        items.map((one) => [one.name, one.email ?? '', one.displayName ?? '', what(one)]),
      )
    })
  user
    .command('password')
    .description('set a user’s password, read from standard input: at least 12 characters')
    .argument('<name>')
    .option('--remove', 'take it away instead')
    .action(async (name: string, o: { remove?: boolean }) => {
      const path = `/users/${at(name)}/password`
      if (o.remove) {
        await client(ctx.env).json('DELETE', path)
        return say(ctx, `${name} has no password any more`)
      }
      const password = (await readInput(ctx, '-')).replace(/\r?\n$/, '')
      if (password === '') return ctx.fail('no password on standard input', 2)
      await client(ctx.env).json('PUT', path, { password })
      say(ctx, `the password of ${name} is set; their sessions have ended`)
    })
  user
    .command('identities')
    .description('who a user is to OpenID providers')
    .argument('<name>')
    .option('--json', 'print JSON')
    .option(
      '--untie',
      'forget that, end the sessions that began there, and revoke all their tokens: who signs in next by that name is tied to it',
    )
    .action(async (name: string, o: { untie?: boolean; json?: boolean }) => {
      const path = `/users/${at(name)}/identities`
      if (o.untie) {
        await client(ctx.env).json('DELETE', path)
        return say(ctx, `${name} is tied to no provider any more, and has no API tokens`)
      }
      const found = await client(ctx.env).json<{ items: IdentityView[] }>('GET', path)
      if (o.json) return print(ctx, found.items)
      table(
        ctx,
        ['issuer', 'subject', 'since'],
        found.items.map(({ issuer, subject, createdAt }) => [issuer, subject, createdAt]),
      )
    })
}

const what = ({ enabled, bot, admin }: UserView): string =>
  [admin && 'admin', bot && 'bot', !enabled && 'disabled'].filter((word) => word !== false).join(', ')
