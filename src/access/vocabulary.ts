import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { type Vocabulary, vocabularyOf } from './withhold.ts'

type Needs = { sql: Deps['sql'] | Tx; config: Pick<Deps['config'], 'registries'> }

/** Names under which Docker Hub is written: it is a registry like others where it is configured as one. */
const dockerHub = ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']

/** By which hosts each configured registry is written: its own name first, its aliases, and the address it is asked at. */
export const hostsOf = ({ config }: Pick<Needs, 'config'>): string[][] =>
  config.registries.map(({ name, aliases = [], url }) => [
    ...new Set([name, ...aliases, new URL(url).host, ...(name === 'docker.io' ? dockerHub : [])]),
  ])

type Made = { gone: string; words: Vocabulary }
const made = new WeakMap<object, Made>()

/**
 * Which names are not for everybody: of registries that are configured, and of those that were (docs/design/namespaces.md). These are asked for
 * each time, one statement on a table with a row for each host: another process may have started with other registries meanwhile.
 */
export async function vocabulary({ sql, config }: Needs): Promise<Vocabulary> {
  const rows = await sql<{ name: string }[]>`select name from registry where gone or not outside order by name`
  const own = new Set(config.registries.map(({ name }) => name))
  const gone = rows.map(({ name }) => name).filter((name) => !own.has(name))
  const last = made.get(config.registries)
  if (last?.gone === gone.join(' ')) return last.words
  const words = vocabularyOf(
    hostsOf({ config }),
    gone.map((name) => [name]),
  )
  made.set(config.registries, { gone: gone.join(' '), words })
  return words
}
