import type { Command } from 'commander'
import { at, type Client, ClientError, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { age, table } from './table.ts'

type Source = {
  name: string
  kind: string
  registry: string | null
  triedAt: string | null
  syncedAt: string | null
  error: { code: string; message: string } | null
  counts: { namespaces: number; people: number; members: number; rules: number } | null
  notes: string[]
}

const pollMs = 500
const patienceMs = 300_000

/** `drydock people [sync]`: where people come from, and reading it now. */
export const peopleCommand = (program: Command, ctx: Context): void => {
  const people = clientCommand(program, 'people', 'where people, roles and visibility come from')
  people.action(async (o: { json?: boolean }) => {
    const { items, unheard } = await listed(client(ctx.env))
    if (o.json) return print(ctx, items)
    show(ctx, items)
    if (unheard.length > 0) say(ctx, `outdated, and nobody hears of it: ${unheard.join(', ')}`)
  })
  people
    .command('sync')
    .description('read the sources now, all or one, and wait for it')
    .argument('[source]')
    .option('--believe', 'take it as it is though most of its people are gone')
    .option('--json', 'print JSON')
    .action(async (source: string | undefined, _: unknown, command: Command) => {
      const o = command.optsWithGlobals<{ believe?: boolean; json?: boolean }>()
      const api = client(ctx.env)
      const before = await sources(api)
      const wanted = source === undefined ? before.map(({ name }) => name) : [source]
      for (const name of wanted)
        await api.json('POST', `/people-sources/${at(name)}/sync`, { believe: o.believe === true })
      const items = await readAgain(api, before, wanted)
      if (o.json) print(ctx, items)
      else show(ctx, items)
      const failed = items.filter(({ error }) => error !== null).map(({ name }) => name)
      if (failed.length > 0) ctx.fail(`drydock: not synchronised: ${failed.join(', ')}`)
    })
}

const listed = (api: Client) => api.json<{ items: Source[]; unheard: string[] }>('GET', '/people-sources')
const sources = async (api: Client): Promise<Source[]> => (await listed(api)).items

/** Those that were asked for, once each was read after they were. */
async function readAgain(api: Client, before: Source[], wanted: string[]): Promise<Source[]> {
  const last = new Map(before.map(({ name, triedAt }) => [name, triedAt]))
  const until = Date.now() + patienceMs
  while (Date.now() < until) {
    const items = (await sources(api)).filter(({ name }) => wanted.includes(name))
    if (items.length === wanted.length && items.every(({ name, triedAt }) => triedAt !== (last.get(name) ?? null)))
      return items
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  throw new ClientError('timeout', 'the sources are not read yet; is a worker running? Look again with: drydock people')
}

function show(ctx: Context, items: Source[]): void {
  const rows = items.map(({ name, kind, registry, syncedAt, counts, error }) => [
    ...[name, kind, registry ?? '-', syncedAt === null ? 'never' : age(syncedAt)],
    ...[counts?.people, counts?.namespaces, counts?.members, counts?.rules].map((count) => String(count ?? '-')),
    error === null ? '' : `${error.code}: ${error.message}`,
  ])
  table(ctx, ['source', 'kind', 'registry', 'read', 'people', 'namespaces', 'roles', 'rules', 'error'], rows)
  for (const { name, notes } of items) for (const note of notes) say(ctx, `${name}: ${note}`)
}
