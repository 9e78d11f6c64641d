import { Argument, type Command, Option } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'

const roles = ['viewer', 'contributor', 'owner']
type View = { user: string; role: string; email: string | null; displayName: string | null }
type Wanted = { role?: string; email?: string; json?: boolean }
type Left = { user: string; role: string | null; sources: string[] }

/** `drydock member list|set|rm`: who has which role in a namespace. */
export const memberCommand = (program: Command, ctx: Context): void => {
  const member = program.command('member').description('members of a namespace')
  const path = (ns: string, user: string) => `/namespaces/${at(ns)}/members/${at(user)}`
  member
    .command('list')
    .description('by name; addresses are shown to admins and to oneself')
    .argument('<namespace>')
    .option('--json', 'print JSON')
    .action(async (ns: string, o: { json?: boolean }) => {
      const { items } = await client(ctx.env).json<{ items: View[] }>('GET', `/namespaces/${at(ns)}/members`)
      if (o.json) return print(ctx, items)
      table(
        ctx,
        ['user', 'role', 'name', 'address'],
        items.map((one) => [one.user, one.role, one.displayName ?? '', one.email ?? '']),
      )
    })
  member
    .command('set')
    .description('give a user a role')
    .argument('<namespace>')
    .argument('<user>')
    .addArgument(new Argument('[role]', 'contributor where none is said').choices(roles))
    .addOption(new Option('--role <role>', 'the same').choices(roles))
    .option('--email <address>', 'makes a user that is new')
    .option('--json', 'print JSON')
    .action(async (ns: string, user: string, said: string | undefined, o: Wanted) => {
      const role = said ?? o.role ?? 'contributor'
      if (o.role !== undefined && o.role !== role) return ctx.fail(`two roles: ${role} and ${o.role}`, 2)
      const stored = await client(ctx.env).json<{ role: string }>('PUT', path(ns, user), {
        role,
        ...(o.email ? { email: o.email } : {}),
      })
      if (o.json) print(ctx, stored)
      else if (stored.role === role) say(ctx, `${user} is ${stored.role} of ${ns}`)
      else say(ctx, `${user} is ${stored.role} of ${ns}: another source gives more than ${role}`)
    })
  member
    .command('rm')
    .description('take a user out')
    .argument('<namespace>')
    .argument('<user>')
    .option('--json', 'print JSON')
    .action(async (ns: string, user: string, o: { json?: boolean }) => {
      const left = await client(ctx.env).json<Left>('DELETE', path(ns, user))
      if (o.json) print(ctx, { namespace: ns, removed: left.role === null, ...left })
      else if (left.role === null) say(ctx, `${user} is no member of ${ns}`)
      else
        say(ctx, `${user} is ${left.role} of ${ns} still, by what ${left.sources.join(', ')} says: to be changed there`)
    })
}
