import { type Command, Option } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'

type Left = { user: string; role: string | null; sources: string[] }

/** `drydock member set|rm`: who has which role in a namespace. */
export const memberCommand = (program: Command, ctx: Context): void => {
  const member = program.command('member').description('members of a namespace')
  const path = (ns: string, user: string) => `/namespaces/${at(ns)}/members/${at(user)}`
  member
    .command('set')
    .description('give a user a role')
    .argument('<namespace>')
    .argument('<user>')
    .addOption(new Option('--role <role>').choices(['viewer', 'contributor', 'owner']).default('contributor'))
    .option('--email <address>', 'makes a user that is new')
    .option('--json', 'print JSON')
    .action(async (ns: string, user: string, o: { role: string; email?: string; json?: boolean }) => {
      const stored = await client(ctx.env).json<{ role: string }>('PUT', path(ns, user), {
        role: o.role,
        ...(o.email ? { email: o.email } : {}),
      })
      if (o.json) print(ctx, stored)
      else if (stored.role === o.role) say(ctx, `${user} is ${stored.role} of ${ns}`)
      else say(ctx, `${user} is ${stored.role} of ${ns}: another source gives more than ${o.role}`)
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
