import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { ClientError, client, print, say } from './client.ts'
import type { Context } from './context.ts'

type Taken = { outcome: string; because: string }

/** The mail is none that the service takes, and will be none next time. */
const ofTheMail = ['bad-request', 'body-too-large']

/**
 * `drydock mail bounced`: one mail from standard input, as a mail server gives it to a command. To a mail server exit code 75 says that it keeps
 * the mail and tries again (EX_TEMPFAIL of sysexits.h): so whatever is no fault of the mail ends, as a service that is away or refuses the token. 1: that this is no bounce.
 */
export const bouncedCommand = (mail: Command, ctx: Context): void => {
  mail
    .command('bounced')
    .description(
      'a bounce from standard input, as a mail server gives it: exit code 75 where it is to try again (for admins)',
    )
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      try {
        const taken = await client(ctx.env).mail<Taken>('/bounces', await buffer(ctx.stdin))
        if (options.json) print(ctx, taken)
        else say(ctx, `${taken.outcome}: ${taken.because}`)
      } catch (error) {
        const isOfTheMail = error instanceof ClientError && ofTheMail.includes(error.code)
        ctx.fail(`drydock: ${error instanceof Error ? error.message : String(error)}`, isOfTheMail ? 1 : 75)
      }
    })
}
