import type { Command } from 'commander'
import type { Context } from './context.ts'

/** `drydock migrate`: brings the database up to date, then ends. */
export const migrateCommand = (program: Command, ctx: Context): void => {
  program
    .command('migrate')
    .description('bring the database up to date')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      // Loaded here alone: the service's parts cost a client command most of a second.
      const { migrate } = await import('../db/migrate.ts')
      const { configure, openDatabase } = await import('../main.ts')
      const { config, log } = await configure(ctx.env)
      const database = await openDatabase(config, log)
      try {
        const applied = await migrate(database.url)
        const text = applied.length === 0 ? 'the database is up to date' : `applied ${applied.join(', ')}`
        ctx.stdout.write(`${options.json ? JSON.stringify({ applied }) : text}\n`)
      } finally {
        await database.close()
      }
    })
}
