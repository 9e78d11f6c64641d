import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import type { Context } from './context.ts'

const bin = fileURLToPath(new URL('../../bin/drydock.mjs', import.meta.url))

/** `drydock demo`: the whole story on embedded parts, then the service is left running until Ctrl-C. */
export const demoCommand = (program: Command, ctx: Context): void => {
  program
    .command('demo')
    .description('push a family of tags, move its base, and watch what happens')
    .option('--exit', 'end after the story; exit code 0 only if every step really happened', false)
    .action(async (options: { exit: boolean }) => {
      const { demo } = await import('../demo/demo.ts')
      const interrupted = new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
      })
      const say = (line: string) => ctx.stdout.write(`${line}\n`)
      const code = await demo({ exit: options.exit, bin, env: ctx.env, say, interrupted })
      // After an interruption half of a story may still be waiting for something; it must not hold the process.
      process.exit(code)
    })
}
