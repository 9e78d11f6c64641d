import { type Command, InvalidArgumentError } from 'commander'
import { at, client, print, query, say } from './client.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'

type View = {
  id: string
  user: string
  name: string
  scopes: string[]
  expiresAt: string | null
  lastUsedAt: string | null
}
type CreateOptions = { user?: string; scope: string[]; days?: number; expires?: string; json?: boolean }

/** `drydock token create|list|rm`: API tokens, one's own; an admin's for anybody. */
export const tokenCommand = (program: Command, ctx: Context): void => {
  const token = program.command('token').description('API tokens')
  token
    .command('create')
    .description('make a token: it is printed alone, this once')
    .argument('<name>', 'what it is for')
    .option('--user <name>', 'whose; default: your own')
    .option('--scope <scope>', 'read, build, manage, admin, or for one namespace: build:app; repeatable', collect, [])
    .option('--days <n>', 'expires after so many days', days)
    .option('--expires <time>', 'expires then, ISO 8601')
    .option('--json', 'print JSON')
    .action(async (name: string, o: CreateOptions) => {
      if (o.days !== undefined && o.expires !== undefined) return ctx.fail('--days or --expires, not both', 2)
      const expires = o.days === undefined ? o.expires : new Date(Date.now() + o.days * 86_400_000).toISOString()
      if (expires !== undefined && Number.isNaN(Date.parse(expires)))
        return ctx.fail(`--expires ${expires} is no time; 2026-12-24T08:00:00Z is one`, 2)
      const made = await client(ctx.env).json<View & { token: string }>('POST', '/tokens', {
        ...{ name, scopes: o.scope },
        ...(o.user === undefined ? {} : { user: o.user }),
        ...(expires === undefined ? {} : { expiresAt: new Date(expires).toISOString() }),
      })
      if (o.json) return print(ctx, made)
      say(ctx, made.token)
      const until = made.expiresAt === null ? 'does not expire' : `expires ${made.expiresAt}`
      ctx.stderr.write(`token ${made.id} of ${made.user}, ${until}: it is shown this once\n`)
    })
  token
    .command('list')
    .description('tokens, newest first')
    .option('--user <name>', 'of this user alone')
    .option('--json', 'print JSON')
    .action(async (o: { user?: string; json?: boolean }) => {
      const found: View[] = []
      for await (const view of client(ctx.env).all<View>(`/tokens${query({ user: o.user })}`)) found.push(view)
      if (o.json) return print(ctx, found)
      table(
        ctx,
        ['id', 'user', 'name', 'scopes', 'expires', 'last used'],
        found.map((view) => [
          ...[view.id, view.user, view.name, view.scopes.join(' ') || 'all'],
          ...[view.expiresAt ?? 'never', view.lastUsedAt ?? 'never'],
        ]),
      )
    })
  token
    .command('rm')
    .description('revoke a token')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(async (id: string, o: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', `/tokens/${at(id)}`)
      if (o.json) print(ctx, { id, revoked: true })
      else say(ctx, `revoked ${id}`)
    })
}

const collect = (text: string, before: string[]): string[] => [...before, text]

function days(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 36_500)
    throw new InvalidArgumentError('must be a whole number of days')
  return number
}
