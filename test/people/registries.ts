import { moveKeys } from '../../src/people/move-keys.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { introduceRegistries } from '../../src/watch/introduce-registries.ts'
import { configFor, vault } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import type { TestDatabase } from '../support/postgres.ts'

const watched = 'watch '

/** What a start with these registries does to what is stored. `x=y`: x, with the alias y; `watch x`: x, which is watched. What steps use then, whose mails are kept. */
export async function startWith(pg: TestDatabase, ...registries: string[]) {
  const said = registries
    .filter((one) => !one.startsWith(watched))
    .map((one) => one.split('=') as [string, ...string[]])
  const outside = registries.filter((one) => one.startsWith(watched)).map((one) => one.slice(watched.length))
  const plain = configFor(
    said.map(([name]) => name),
    { smtpUrl: null, notifyWindow: 0 },
  )
  const aliases = new Map(said.map(([name, ...more]) => [name, more]))
  const own = plain.registries.map((registry) => ({ ...registry, aliases: aliases.get(registry.name) ?? [] }))
  const config = { ...plain, registries: own, outside: configFor(outside).registries }
  const d = { ...testDeps(pg), config, vault, mailer: null, registries: makeRegistries(own, testDeps(pg).log, config) }
  await moveKeys(d)
  await introduceRegistries(d)
  d.registries.close()
  return d
}
