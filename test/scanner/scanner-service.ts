import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import pino from 'pino'
import { scannerRouter } from '../../src/api/scanner.ts'
import type { Config } from '../../src/config.ts'
import { connect } from '../../src/db/postgres.ts'
import { makeJobs } from '../../src/jobs/jobs.ts'
import { markTags } from '../../src/scanner/mark-shown.ts'
import { storeSmallWorld } from '../api/small-world.ts'
import { configFor } from '../notify/config.ts'
import type { TestDatabase } from '../support/postgres.ts'

export const blob = (name: string): string => `sha256:${createHash('sha256').update(name).digest('hex')}`
export const image = (repository: string, ...names: string[]) => ({ repository, layers: names.map(blob) })

/** Gives the head of a tag (`app/run:1`) these blobs. */
export const holds = (pg: TestDatabase, ref: string, digests: string[]) => pg.sql`
  update manifest set layers = ${JSON.stringify(digests.map((digest) => ({ digest })))}::text::jsonb
  where digest = (select head_digest from tag where ref = ${`reg:5000/${ref}`})`

/** The small world, its images with blobs: app/run:1, app/tool:1 and app/leaf:1 are outdated; lib/base:1 has the top layer of app/run:1. */
export async function storeScannedWorld(pg: TestDatabase): Promise<void> {
  await storeSmallWorld(pg)
  const of: [string, string[]][] = [
    ['app/run:1', ['base', 'run']],
    ['app/tool:1', ['base', 'tool']],
    ['app/leaf:1', ['base', 'run', 'leaf']],
    ['solo:latest', ['solo']],
    ['lib/base:1', ['base2', 'run']],
  ]
  for (const [ref, names] of of) await holds(pg, ref, names.map(blob))
}

export const forgetTold = async (pg: TestDatabase): Promise<void> => {
  await pg.sql`truncate scanned_layer, scan_finding, clair_look, portus_look, portus_mark, portus_sweep`
  await pg.sql`delete from graphile_worker._private_jobs`
}

/** After a change that no step of ours made: marks all tags, as the step would. */
export const changed = async (pg: TestDatabase): Promise<void> => {
  const tags = await pg.sql<{ ref: string }[]>`select ref from tag union select ref from portus_look`
  await markTags(
    pg.sql,
    tags.map(({ ref }) => ref),
  )
}

/** Any patience is enough for a database that answers. */
const patient = 60_000

/** A scanner that listens. `port`: of the database, if not its own; `patience`: milliseconds, else any. */
export async function startScanner(
  pg: TestDatabase,
  { port, patience = patient, ...more }: Partial<Omit<Config, 'port'>> & { port?: number; patience?: number } = {},
) {
  const url = new URL(pg.url)
  if (port !== undefined) url.port = String(port)
  const sql = connect(url.href, { max: 4 })
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const config = configFor(['reg:5000'], { scanner: true, ...more })
  const d = { config, log, sql, jobs: makeJobs(), clock: () => new Date() }
  const app = express()
  app.use(scannerRouter(d, { patience }))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    at: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    d,
    lines,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await sql.end({ timeout: 1 })
    },
  }
}
export type Scanner = Awaited<ReturnType<typeof startScanner>>

export async function visiting<T>(
  pg: TestDatabase,
  work: (at: string, scanner: Scanner) => Promise<T>,
  more: Parameters<typeof startScanner>[1] = {},
): Promise<T> {
  const scanner = await startScanner(pg, more)
  try {
    return await work(scanner.at, scanner)
  } finally {
    await scanner.close()
  }
}

/** Waits, as long as the test may last. */
export async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20))
}
