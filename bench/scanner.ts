/**
 * A visit of Portus: its question for the top layer of an outdated image of ten layers, over HTTP, among many manifests, at the slowest
 * of a hundred; beside the bare look-up of that manifest by its top layer through the same driver.
 * Run: npm run bench:scanner [-- MANIFESTS]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { apiApp } from '../src/api/app.ts'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect, type Sql } from '../src/db/postgres.ts'
import { makePrisma } from '../src/db/prisma.ts'
import { makeRegistries } from '../src/registry/registries.ts'
import { digestConfig, digestDeps } from './digest-deps.ts'
import { report } from './report.ts'

const host = 'r.example'
const size = Number(process.argv[2] ?? 200_000)
const visits = 100
const depth = 10
const blob = (image: number, layer: number): string =>
  `sha256:${`${image}x${layer}`.padStart(64, '0').replaceAll('x', 'f')}`

/** Every image has layers of its own, and every tag one cause. */
async function fill(sql: Sql): Promise<void> {
  await sql`insert into registry (name) values (${host})`
  await sql`
    insert into repository (registry_id, name, namespace)
    select (select id from registry), 'ns' || i || '/app', 'ns' || i from generate_series(1, 1000) i`
  await sql`
    insert into manifest (digest, media_type, kind, platform, chain_ids, step_ids, solid_ids, layers)
    select 'sha256:' || md5(i::text), 'x', 'image', 'linux/amd64', '{}', '{}', '{}', (
      select jsonb_agg(jsonb_build_object('digest', 'sha256:' || lpad(i || 'f' || layer, 64, '0')) order by layer)
      from generate_series(1, ${depth}) layer)
    from generate_series(1, ${size}) i`
  await sql`
    insert into tag (repository_id, name, ref, head_digest, head_at, status, judged_at)
    select r.id, i::text, ${host} || '/' || r.name || ':' || i, 'sha256:' || md5(i::text), 1, 'outdated', now()
    from generate_series(1, ${size}) i join repository r on r.name = 'ns' || (i % 1000 + 1) || '/app'`
  await sql`
    insert into cause (tag_id, base, role, to_digest, evidence, confidence, still_at, platforms, counted, since)
    select id, ${`${host}/lib/base:1`}, 'runtime', ${`sha256:${'b'.repeat(64)}`}, '{layers}', 'inferred', '{}', '{linux/amd64}', true, 1 from tag`
  await sql`analyze`
}

const data = mkdtempSync(join(tmpdir(), 'drydock-bench-'))
const database = await startEmbedded(data)
await migrate(database.url)
const sql = connect(database.url)
const db = makePrisma(database.url)
await fill(sql)
const config = digestConfig({ scanner: true })
const registries = makeRegistries(config.registries, digestDeps(sql, config).log, config)
const server = createServer(apiApp({ ...digestDeps(sql, config), db, registries }, { web: true }))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/layers`

async function post(image: number): Promise<void> {
  const path = `https://${host}/v2/ns${(image % 1000) + 1}/app/blobs/x`
  for (let layer = 1; layer <= depth; layer++) {
    const ParentName = layer === 1 ? '' : blob(image, layer - 1)
    const body = JSON.stringify({ Layer: { Name: blob(image, layer), ParentName, Path: path } })
    const answer = await fetch(url, { method: 'POST', body })
    if (answer.status !== 201) throw new Error(`a layer was answered with ${answer.status}`)
  }
}

try {
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let visit = 0; visit < visits; visit++) {
    const image = 1 + ((visit * 7919) % size)
    await post(image)
    const top = blob(image, depth)
    const began = performance.now()
    await sql`select digest from manifest where kind = 'image' and layers -> -1 ->> 'digest' = ${top}`
    const between = performance.now()
    const found = JSON.stringify(await (await fetch(`${url}/${top}?features=false&vulnerabilities=true`)).json())
    const ended = performance.now()
    if (!found.includes('Outdated base')) throw new Error(`nothing was found in ${found}`)
    theirs.push(between - began)
    ours.push(ended - between)
  }
  const slowest = (times: number[]) => times.sort((a, b) => a - b).at(-2)!
  report({
    name: `a visit of Portus, among ${size} manifests`,
    ours: ['answer, all but the slowest', slowest(ours), 'ms'],
    rival: ['bare look-up', slowest(theirs), 'ms'],
    ratio: slowest(ours) / slowest(theirs),
    wanted: 'under 50 ms',
  })
} finally {
  server.closeAllConnections()
  server.close()
  registries.close()
  await Promise.all([sql.end(), db.$disconnect()])
  await database.stop()
  rmSync(data, { recursive: true, force: true })
}
