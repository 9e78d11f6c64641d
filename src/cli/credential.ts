import { type Command, Option } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { readInput } from './read-input.ts'

type Options = {
  kind: string
  url?: string
  username?: string
  secretFile: string
  knownHosts?: string
  json?: boolean
}

/** `drydock credential set|rm`: the secret comes from a file or standard input, never from the arguments. */
export const credentialCommand = (program: Command, ctx: Context): void => {
  const credential = program.command('credential').description('credentials of a namespace')
  const path = (ns: string, name: string) => `/namespaces/${at(ns)}/credentials/${at(name)}`
  credential
    .command('set')
    .description('store a credential')
    .argument('<namespace>')
    .argument('<name>')
    .addOption(
      new Option('--kind <kind>', 'what it opens').choices(['git', 'registry', 'ssh', 'secret']).default('git'),
    )
    .option('--url <prefix>', 'sent only to addresses under this; a build secret (kind secret) has none')
    .option('--username <name>')
    .option('--secret-file <file>', 'password, build secret or private key (- for standard input)', '-')
    .option('--known-hosts <file>', 'for ssh')
    .option('--json', 'print JSON')
    .action(async (ns: string, name: string, o: Options) => {
      const secret = await readInput(ctx, o.secretFile)
      if (secret.trim() === '') throw new Error('the secret is empty')
      const body = {
        kind: o.kind,
        ...(o.url ? { urlPrefix: o.url } : {}),
        ...(o.username ? { username: o.username } : {}),
        ...(o.kind === 'ssh' ? { privateKey: secret } : { password: secret.replace(/\r?\n$/, '') }),
        ...(o.knownHosts ? { knownHosts: await readInput(ctx, o.knownHosts) } : {}),
      }
      await client(ctx.env).json('PUT', path(ns, name), body)
      if (o.json) print(ctx, { namespace: ns, name, stored: true })
      else say(ctx, `stored ${name} of ${ns}`)
    })
  credential
    .command('rm')
    .description('remove a credential')
    .argument('<namespace>')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (ns: string, name: string, o: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', path(ns, name))
      if (o.json) print(ctx, { namespace: ns, name, removed: true })
      else say(ctx, `removed ${name} of ${ns}`)
    })
}
