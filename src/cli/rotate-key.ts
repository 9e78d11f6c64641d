import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Context } from './context.ts'

/**
 * `drydock rotate-key`: seals every stored secret anew. In: DRYDOCK_SECRET_KEY as the service has it, and DRYDOCK_NEW_SECRET_KEY (or
 * its _FILE); where the key was generated into the data directory, a new one is made unless one is given, and kept there.
 */
export const rotateKeyCommand = (program: Command, ctx: Context): void => {
  program
    .command('rotate-key')
    .description('seal every stored secret under a new key')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      // Loaded here alone: the service's parts cost a client command most of a second.
      const { rotateSecretKey } = await import('./rotate-secret-key.ts')
      const given = newKey(ctx.env)
      const { credentials, gitHooks, channels, already, generated } = await rotateSecretKey(ctx.env, given)
      if (options.json)
        return void ctx.stdout.write(`${JSON.stringify({ credentials, gitHooks, channels, already })}\n`)
      const done = already
        ? 'the secrets are under the new key already'
        : `sealed anew: ${credentials} credentials, ${gitHooks} git hooks, ${channels} channels`
      const then = generated
        ? 'the new key stands in the data directory: start'
        : 'set DRYDOCK_SECRET_KEY to the new key, and start'
      ctx.stdout.write(`${done}; ${then} the service anew\n`)
    })
}

function newKey(env: NodeJS.ProcessEnv): string | null {
  const { DRYDOCK_NEW_SECRET_KEY: key, DRYDOCK_NEW_SECRET_KEY_FILE: file } = env
  if (key && file) throw new Error('DRYDOCK_NEW_SECRET_KEY: it and DRYDOCK_NEW_SECRET_KEY_FILE are both set')
  const said = key || (file ? readFileSync(file, 'utf8').replace(/\r?\n$/, '') : '')
  if (said === '' && file) throw new Error(`DRYDOCK_NEW_SECRET_KEY_FILE: ${file} is empty`)
  if (said !== '' && said.length < 16) throw new Error('DRYDOCK_NEW_SECRET_KEY: must have at least 16 characters')
  return said === '' ? null : said
}
