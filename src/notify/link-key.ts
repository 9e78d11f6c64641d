import type { Deps } from '../deps.ts'
import { aloneSetting } from '../people/move-keys.ts'
import { keyOn } from '../people/namespace-key.ts'
import { hostAmong, knownRegistries } from '../people/registries-known.ts'

type Configured = { config: Pick<Deps['config'], 'registries'> }

/** A namespace as a link says it, whatever its key will be (docs/design/namespaces.md): `host/name`. */
export function lastingKey({ config: { registries } }: Configured, key: string): string {
  const [only, other] = registries
  return only && !other && !key.includes('/') ? `${only.name}/${key}` : key
}

/**
 * The key, with the registries of now, of the namespace that a link says. One without a host is of a link of an older version: of the registry that
 * was alone then.
 */
export async function currentKey(d: Configured & Pick<Deps, 'sql'>, said: string): Promise<string> {
  const { registries } = d.config
  const slash = said.indexOf('/')
  const host = slash < 0 ? await firstAlone(d) : said.slice(0, slash)
  if (host === null) return said
  const canonical = hostAmong(await knownRegistries(d.sql), registries)
  const hosts = { names: registries.map(({ name }) => name), canonical }
  return keyOn(host, said.slice(slash + 1), hosts)
}

async function firstAlone({ sql }: Pick<Deps, 'sql'>): Promise<string | null> {
  const [row] = await sql<{ value: string }[]>`select value from setting where key = ${aloneSetting}`
  return row?.value ?? null
}
