/**
 * The first comparison with a registry full of tags (10,000 manifests), beside a load generator that fetches the same manifests and
 * configs and throws them away: in turns, from the same registry (Distribution, from Debian's package). Run: npm run bench:import
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import pino from 'pino'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect, type Sql } from '../src/db/postgres.ts'
import { freePort } from '../src/demo/free-port.ts'
import { reconcile } from '../src/inbox/reconcile.ts'
import { makeJobs } from '../src/jobs/jobs.ts'
import { migrateJobs } from '../src/jobs/migrate-jobs.ts'
import { makeRegistries } from '../src/registry/registries.ts'
import { median, report } from './report.ts'
import { type StoredImage, storeImages } from './stored-registry.ts'

const rounds = 3
const count = Number(process.argv[2] ?? 10_000)
/** Requests under way at once, of both. */
const width = 8

async function serveImages(folder: string): Promise<{ url: string; port: number; end: () => void }> {
  const port = await freePort(0)
  const config = join(folder, 'config.yml')
  writeFileSync(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${folder}}}
http: {addr: "127.0.0.1:${port}"}
`,
  )
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 100; tries++) {
    const up = await fetch(`${url}/v2/`).then(
      (answer) => answer.ok,
      () => false,
    )
    if (up) return { url, port, end: () => void child.kill() }
    await sleep(100)
  }
  child.kill()
  throw new Error('docker-registry does not answer')
}

/** Manifests a second when nothing is done with them. */
async function fetchRaw(url: string, images: StoredImage[]): Promise<number> {
  const accept = 'application/vnd.oci.image.manifest.v1+json'
  const paths = images.flatMap((i) => [
    `/v2/${i.repository}/manifests/${i.tag}`,
    `/v2/${i.repository}/blobs/${i.config.digest}`,
  ])
  let next = 0
  const start = performance.now()
  const result = await autocannon({
    url,
    connections: width,
    sampleInt: 20,
    amount: paths.length,
    requests: [
      { setupRequest: (request) => ({ ...request, path: paths[next++ % paths.length]!, headers: { accept } }) },
    ],
  })
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} answers were no success`)
  return (images.length / (performance.now() - start)) * 1000
}

async function importAll(sql: Sql, url: string, port: number): Promise<number> {
  await sql`truncate registry, manifest, declaration, dirty, event cascade`
  const log = pino({ level: 'silent' })
  const name = `localhost:${port}`
  const registries = makeRegistries([{ name, url, insecure: false }], log)
  try {
    const d = { sql, jobs: makeJobs(), clock: () => new Date(), log, registries }
    const start = performance.now()
    const { differed } = await reconcile(d, { registry: name })
    const seconds = (performance.now() - start) / 1000
    if (differed !== count) throw new Error(`${differed} tags were found`)
    return count / seconds
  } finally {
    registries.close()
  }
}

const folder = mkdtempSync(join(tmpdir(), 'drydock-bench-'))
const server = await startEmbedded(join(folder, 'data'))
const sql = connect(server.url)
const images = storeImages(folder, count)
const registry = await serveImages(folder)
try {
  await migrate(server.url)
  await migrateJobs(server.url)
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    theirs.push(await fetchRaw(registry.url, images))
    ours.push(await importAll(sql, registry.url, registry.port))
  }
  report({
    name: `import of a registry: ${count} manifests`,
    ours: ['reconcile', median(ours), 'manifests/s'],
    rival: ['fetched and thrown away', median(theirs), 'manifests/s'],
    ratio: median(ours) / median(theirs),
    wanted: 'at least 0.5',
  })
  console.log(`  memory at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`)
} finally {
  registry.end()
  await sql.end()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
