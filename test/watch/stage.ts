import type { Config } from '../../src/config.ts'
import type { Deps } from '../../src/deps.ts'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { makeRegistries, type RegistryConfig } from '../../src/registry/registries.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { introduceRegistries } from '../../src/watch/introduce-registries.ts'
import { watch } from '../../src/watch/watch.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import type { TestRegistry } from '../support/registry.ts'

export type WatchStage = Awaited<ReturnType<typeof openWatchStage>>

const interval = 3600

type Options = { watch?: readonly string[]; outside?: readonly RegistryConfig[]; aliases?: readonly string[] }

/** Deps of one process on a database: `ours` sends events, whatever else is named is outside. The clock is `at`'s. */
function depsOn(pg: TestDatabase, ours: TestRegistry, at: () => Date, options: Options) {
  const base = testDeps(pg)
  const { watch: globs = ['*'], outside = [], aliases = [] } = options
  const registries = [{ name: ours.host, aliases, url: ours.url, insecure: false }]
  const config = { registries, outside, watch: globs, watchInterval: interval } as unknown as Config
  const clients = makeRegistries(registries, base.log, { outside, watch: globs })
  return { ...base, clock: at, config, registries: clients } satisfies Partial<Deps>
}

/** A database, a registry of ours, and a clock that only goes on when it is told to. */
export async function openWatchStage(ours: TestRegistry, options: Options = {}) {
  const pg = await testDatabase()
  let now = new Date()
  const clock = () => now
  const opened = [depsOn(pg, ours, clock, options)]
  let d = opened[0]!
  await introduceRegistries(d)

  const verdict = async (ref: string) => {
    await refresh(d)
    const { status, because } = await pg.db.tag.findUniqueOrThrow({ where: { ref } })
    const reasons = (because as { reason: string; base: string | null }[]).map(({ reason }) => reason)
    return reasons.length === 0 ? String(status) : `${status}: ${reasons.join(', ')}`
  }
  return {
    pg,
    d: () => d,
    /** The process as it would be started anew with other settings. */
    async restart(other: Options) {
      d = depsOn(pg, ours, clock, other)
      opened.push(d)
      await introduceRegistries(d)
    },
    /** Another process on the same database. */
    another() {
      const more = depsOn(pg, ours, clock, options)
      opened.push(more)
      return more
    },
    advance(seconds: number) {
      now = new Date(now.getTime() + seconds * 1000)
    },
    now: clock,
    /** What a webhook would have told of our registry. */
    seeOurs: () => reconcile(d, { registry: ours.host }),
    /** The job, when it is due by the clock. */
    poll: (host: string) => watch(d, { host }),
    /** An interval later, with its jitter. */
    async pollLater(host: string) {
      now = new Date(now.getTime() + interval * 1100)
      await watch(d, { host })
    },
    verdict,
    row: (ref: string) => pg.db.watch.findUnique({ where: { ref } }),
    host: (name: string) => pg.db.registry.findUnique({ where: { name } }),
    async head(ref: string) {
      return (await pg.db.tag.findUnique({ where: { ref } }))?.headDigest
    },
    async jobs() {
      const rows = await pg.sql<{ key: string }[]>`
        select key from graphile_worker._private_jobs where key like 'watch%' order by key`
      return rows.map(({ key }) => key)
    },
    async close() {
      for (const { registries } of opened) registries.close()
      await pg.close()
    },
  }
}

/** What an annotation says of the base: name, and digest where given. */
export const basedOn = (name: string, digest?: string): Record<string, string> => ({
  'org.opencontainers.image.base.name': name,
  ...(digest ? { 'org.opencontainers.image.base.digest': digest } : {}),
})

/** Deletes a tag by its name, as our small registry allows. */
export async function removeTag(registry: TestRegistry, ref: string): Promise<void> {
  const { repository, tag } = parseReference(ref)!
  const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${tag}`, { method: 'DELETE' })
  if (!answer.ok) throw new Error(`${ref}: ${answer.status}`)
}
