import { askPortus } from '../../src/scanner/ask-portus.ts'
import { fetchFindings } from '../../src/scanner/fetch-findings.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { blob, forgetTold, image, startScanner } from './scanner-service.ts'
import { smallClair } from './small-clair.ts'
import { smallPortus } from './small-portus.ts'

/** A Portus, a scanner that listens, and a Clair behind it. Its jobs are run by hand, on a clock that is ahead. */
export async function clairWorld(pg: TestDatabase) {
  await forgetTold(pg)
  const [clair, portus] = [await smallClair(), await smallPortus()]
  const settings = () => ({
    clairUrl: clair.url,
    portus: { url: portus.url, caFile: null, insecure: false, username: 'boss', token: 't0ken' },
  })
  const never = new AbortController().signal
  let later = 0
  const deps = () => ({ ...world.scanner.d, clock: () => new Date(Date.now() + later) })
  const world = {
    ...{ clair, portus, settings, deps },
    scanner: await startScanner(pg, settings()),
    /** With another scanner, after the first one ended. */
    async restart(more: { patience?: number } = {}) {
      await world.scanner.close()
      world.scanner = await startScanner(pg, { ...settings(), ...more })
    },
    waits: async () => (await pg.sql`select 1 from clair_look where fetch_at is not null`).length,
    /** The job alone, as it runs some seconds later. */
    async fetch(seconds: number) {
      later += seconds * 1000
      await fetchFindings(deps(), never)
    },
    /** The jobs, as they run some minutes later. */
    async work(minutes = 3) {
      await world.fetch(minutes * 60)
      await askPortus(deps(), never)
    },
    /** Portus and the jobs take turns until there is nothing left for them. */
    async settle() {
      for (let quiet = 0; quiet < 2; ) {
        const before = portus.asked.length
        await portus.scan(world.scanner.at)
        await world.work()
        quiet = portus.asked.length === before && (await world.waits()) === 0 ? quiet + 1 : 0
      }
    },
    shown: (repository: string) => portus.page(repository, '1').map(({ name }) => name),
    push: (repository: string, ...names: string[]) =>
      portus.push({ ...image(repository, ...names), name: '1', digest: blob(names.join()) }),
    async close() {
      await world.scanner.close()
      await Promise.all([clair.close(), portus.close()])
    },
  }
  return world
}
export type ClairWorld = Awaited<ReturnType<typeof clairWorld>>
