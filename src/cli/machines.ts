import type { Command } from 'commander'
import { client, clientCommand, print } from './client.ts'
import type { Context } from './context.ts'
import { age, table } from './table.ts'

type MachineView = {
  name: string
  state: string
  profile: string
  driver: string
  owner: string
  build: string | null
  createdAt: string
  error: { message: string } | null
}

/** `drydock machines`: hosts made by docker-machine that may exist. */
export const machinesCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'machines', 'list hosts made by docker-machine, oldest first').action(
    async (options: { json?: boolean }) => {
      const { items } = await client(ctx.env).json<{ items: MachineView[] }>('GET', '/machines')
      if (options.json) return print(ctx, items)
      const heads = ['machine', 'state', 'profile', 'driver', 'age', 'build', 'known at', 'error']
      const rows = items.map((m) => [
        ...[m.name, m.state, m.profile, m.driver, age(m.createdAt)],
        ...[m.build ?? '-', m.owner, m.error?.message ?? ''],
      ])
      table(ctx, heads, rows)
    },
  )
}
