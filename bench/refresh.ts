/**
 * From a push of a base to all flags stored, for 50,000 tags among a million, beside COPY of the same rows (the tags with their
 * verdicts, and their causes) into tables with the same indexes. Run: npm run bench:refresh [-- MANIFESTS [DATA_DIR]]
 */
import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pino from 'pino'
import type { Sql } from '../src/db/postgres.ts'
import { makeJobs } from '../src/jobs/jobs.ts'
import { migrateJobs } from '../src/jobs/migrate-jobs.ts'
import { refresh } from '../src/staleness/refresh.ts'
import { makeEstate } from './estate.ts'
import { plan, systemRef, wanted } from './estate-images.ts'
import { moveTag } from './move-tag.ts'
import { median, report } from './report.ts'

const rounds = 3

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

/** The rows that a refresh has just written, written again by COPY. */
async function copySeconds(sql: Sql): Promise<number> {
  const tables = ['tag', 'cause'] as const
  const of = { tag: `select tag.* from tag where status = 'outdated'`, cause: 'select * from cause' }
  const rows = await Promise.all(tables.map((table) => readAll(sql, of[table])))
  for (const table of tables) await sql.unsafe(`create table ${table}_copy (like ${table} including all)`)
  const seconds = await timed(() =>
    sql.begin(async (tx) => {
      for (const [i, table] of tables.entries())
        await pipeline(Readable.from(rows[i]!), await tx.unsafe(`copy ${table}_copy from stdin`).writable())
    }),
  )
  for (const table of tables) await sql.unsafe(`drop table ${table}_copy`)
  return seconds
}

async function readAll(sql: Sql, query: string): Promise<Buffer[]> {
  const parts: Buffer[] = []
  for await (const part of await sql.unsafe(`copy (${query}) to stdout`).readable()) parts.push(part as Buffer)
  return parts
}

const size = Number(process.argv[2] ?? 1_000_000)
const estate = await makeEstate(size, process.argv[3])
try {
  const { sql, url } = estate
  await migrateJobs(url)
  const d = { sql, jobs: makeJobs(), clock: () => new Date(), log: pino({ level: 'silent' }) }
  const base = systemRef('hot', plan(size))
  const [ours, anew, theirs]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < rounds; round++) {
    await moveTag(sql, base)
    ours.push(await timed(() => refresh(d)))
    theirs.push(await copySeconds(sql))
    await sql`update tag set findings = null where status = 'outdated'`
    await moveTag(sql, base)
    anew.push(await timed(() => refresh(d)))
  }
  const [{ count } = { count: 0n }] = await sql<{ count: bigint }[]>`select count(*) from tag where status = 'outdated'`
  if (Number(count) !== Math.min(wanted.hot, Math.floor(size / 2))) throw new Error(`${count} tags are flagged`)
  for (const [how, seconds] of [
    ['most inherit', ours],
    ['each judged anew', anew],
  ] as const)
    report({
      name: `refresh: base push → ${count} flags stored, among ${size} manifests; ${how}`,
      ours: ['refresh', median(seconds), 's'],
      rival: ['COPY of the same rows', median(theirs), 's'],
      ratio: median(seconds) / median(theirs),
      wanted: 'at most 6',
    })
  console.log(`  memory at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`)
} finally {
  await estate.close()
}
