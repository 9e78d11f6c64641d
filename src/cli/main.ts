/**
 * The command line. in: argv. out: exit code 0 done, 1 failed, 2 used wrongly.
 * Each command is a file that exports `NAMECommand(program, ctx)` and adds itself; `ctx` is what a command may touch of the
 * process: environment, output, exit code.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { buildCommand } from './build.ts'
import { buildsCommand } from './builds.ts'
import { cancelCommand } from './cancel.ts'
import { channelCommand } from './channel.ts'
import type { Context } from './context.ts'
import { credentialCommand } from './credential.ts'
import { demoCommand } from './demo.ts'
import { gitHookCommand } from './git-hook.ts'
import { logsCommand } from './logs.ts'
import { machinesCommand } from './machines.ts'
import { mailCommand } from './mail.ts'
import { memberCommand } from './member.ts'
import { migrateCommand } from './migrate.ts'
import { notificationsCommand } from './notifications.ts'
import { outdatedCommand } from './outdated.ts'
import { pauseCommand } from './pause.ts'
import { peopleCommand } from './people.ts'
import { planCommand } from './plan.ts'
import { plansCommand } from './plans.ts'
import { policyCommand } from './policy.ts'
import { recipeCommand } from './recipe.ts'
import { reconcileCommand } from './reconcile.ts'
import { restoreCommand } from './restore.ts'
import { rotateKeyCommand } from './rotate-key.ts'
import { serveCommand } from './serve.ts'
import { snoozeCommand } from './snooze.ts'
import { tokenCommand } from './token.ts'
import { treeCommand } from './tree.ts'
import { userCommand } from './user.ts'
import { whyCommand } from './why.ts'

const commands = [
  serveCommand,
  migrateCommand,
  rotateKeyCommand,
  reconcileCommand,
  outdatedCommand,
  treeCommand,
  whyCommand,
  planCommand,
  plansCommand,
  buildCommand,
  logsCommand,
  buildsCommand,
  cancelCommand,
  restoreCommand,
  machinesCommand,
  recipeCommand,
  policyCommand,
  snoozeCommand,
  pauseCommand,
  credentialCommand,
  gitHookCommand,
  channelCommand,
  memberCommand,
  tokenCommand,
  userCommand,
  notificationsCommand,
  mailCommand,
  peopleCommand,
  demoCommand,
]

const versionOf = (): string => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}

/** Parses and runs; sets `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  const ctx: Context = {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    fail: (message, code = 1) => {
      console.error(message)
      process.exitCode = code
    },
  }
  // Whoever reads may stop reading (`drydock outdated | head`): that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  const program = new Command('drydock')
    .description('Keeps container images from going stale.')
    .version(versionOf(), '--version', 'print the version')
    .showHelpAfterError()
    .exitOverride()
  for (const command of commands) command(program, ctx)
  for (const command of program.commands) command.exitOverride()
  try {
    await program.parseAsync([...argv])
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
    else ctx.fail(`drydock: ${error instanceof Error ? error.message : String(error)}`)
  }
}
