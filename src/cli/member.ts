import { type Command, Option } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'

/** `drydock member set|rm`: who is told of a namespace's tags. */
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
      const stored = await client(ctx.env).json('PUT', path(ns, user), {
        role: o.role,
        ...(o.email ? { email: o.email } : {}),
      })
      if (o.json) print(ctx, stored)
      else say(ctx, `${user} is ${o.role} of ${ns}`)
    })
  member
    .command('rm')
    .description('take a user out')
    .argument('<namespace>')
    .argument('<user>')
    .option('--json', 'print JSON')
    .action(async (ns: string, user: string, o: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', path(ns, user))
      if (o.json) print(ctx, { namespace: ns, user, removed: true })
      else say(ctx, `${user} is no member of ${ns}`)
    })
}
