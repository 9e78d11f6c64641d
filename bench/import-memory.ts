/**
 * How much memory the first comparison with a registry takes while a million manifests come in. Run: npm run bench:memory [-- MANIFESTS]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import pino from 'pino'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect } from '../src/db/postgres.ts'
import { reconcile } from '../src/inbox/reconcile.ts'
import { makeJobs } from '../src/jobs/jobs.ts'
import { migrateJobs } from '../src/jobs/migrate-jobs.ts'
import { makeRegistries } from '../src/registry/registries.ts'

const count = Number(process.argv[2] ?? 1_000_000)
const steps = 10

const folder = mkdtempSync(join(tmpdir(), 'drydock-bench-'))
const server = await startEmbedded(join(folder, 'data'), { durable: false })
const sql = connect(server.url)
const source = spawn(process.execPath, [join(import.meta.dirname, 'generated-registry.ts'), String(count)], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const [port] = (await once(source.stdout, 'data')) as [Buffer]
  const name = `localhost:${port.toString().trim()}`
  await migrate(server.url)
  await migrateJobs(server.url)
  const log = pino({ level: 'silent' })
  const registries = makeRegistries([{ name, url: `http://${name}`, insecure: false }], log)
  const d = { sql, jobs: makeJobs(), clock: () => new Date(), log, registries }
  const start = performance.now()
  let told = 0
  const tell = (compared: number) => {
    const seconds = (performance.now() - start) / 1000
    const memory = process.memoryUsage.rss() / 2 ** 20
    console.log(`${compared} manifests, ${(compared / seconds).toFixed(0)}/s, ${memory.toFixed(0)} MB`)
  }
  const watch = setInterval(async () => {
    const [{ passCompared } = { passCompared: 0 }] = await sql<
      { passCompared: number }[]
    >`select pass_compared from registry`
    if (passCompared < ((told + 1) * count) / steps) return
    told = Math.floor((passCompared * steps) / count)
    tell(passCompared)
  }, 1000)
  const { differed } = await reconcile(d, { registry: name })
  clearInterval(watch)
  if (differed !== count) throw new Error(`${differed} tags were found`)
  tell(differed)
  console.log(`memory at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB (under 512 is wanted)`)
  registries.close()
} finally {
  source.kill()
  await sql.end()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
