/**
 * A visit of Portus: its question for the top layer of an outdated image of ten layers, over HTTP, among many manifests, at the slowest
 * but one of a hundred; beside the bare look-up of that manifest by all its layers through the same driver. First of images with layers
 * of their own, then of those that share their top layer with a tenth of all (the empty one of a WORKDIR). Then what Portus is to be asked
 * about: a run with one tag more to ask about among all that are outdated, beside going through all of them. Then a visit, with what others
 * hold, while the database answers nothing at all.
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
import { dueTags, tidyLooks } from '../src/scanner/due-looks.ts'
import { markTags } from '../src/scanner/mark-shown.ts'
import { noteShown } from '../src/scanner/note-shown.ts'
import { digestConfig, digestDeps } from './digest-deps.ts'
import { report } from './report.ts'

const host = 'r.example'
const size = Number(process.argv[2] ?? 200_000)
const visits = 100
/** Connections are opened, and what is asked for the first time is read. */
const warming = 10
const depth = 10
const shared = `sha256:${'e'.repeat(64)}`
/** Every tenth image has on top what all of these have. */
const blob = (image: number, layer: number): string =>
  layer === depth && image % 10 === 0 ? shared : `sha256:${`${image}f${layer}`.padStart(64, '0')}`

/** Every image has layers of its own below, and every tag one cause. */
async function fill(sql: Sql): Promise<void> {
  await sql`insert into registry (name) values (${host})`
  await sql`
    insert into repository (registry_id, name, namespace)
    select (select id from registry), 'ns' || i || '/app', 'ns' || i from generate_series(1, 1000) i`
  await sql`
    insert into manifest (digest, media_type, kind, platform, chain_ids, step_ids, solid_ids, layers)
    select 'sha256:' || md5(i::text), 'x', 'image', 'linux/amd64', '{}', '{}', '{}', (
      select jsonb_agg(jsonb_build_object('digest',
        case when layer = ${depth} and i % 10 = 0 then ${shared} else 'sha256:' || lpad(i || 'f' || layer, 64, '0') end) order by layer)
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

const question = (top: string) => fetch(`${url}/${top}?features=false&vulnerabilities=true`)
const slowest = (times: number[]): number => times.sort((a, b) => a - b).at(-2)!

/** `of`: the image of a visit. */
async function compare(name: string, of: (visit: number) => number): Promise<void> {
  const [ours, theirs]: [number[], number[]] = [[], []]
  let unanswered = 0
  for (let visit = -warming; visit < visits; visit++) {
    const image = of(visit + warming)
    await post(image)
    const layers = Array.from({ length: depth }, (_, i) => blob(image, i + 1))
    const began = performance.now()
    await sql`
      select digest from manifest where kind = 'image'
        and md5(jsonb_path_query_array(layers, '$[*] ? (@.digest != "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4").digest')::text)
          = md5(to_jsonb(${layers}::text[])::text)`
    const between = performance.now()
    const found = JSON.stringify(await (await question(blob(image, depth))).json())
    const ended = performance.now()
    if (visit < 0) continue
    if (found.includes('not now')) unanswered++
    else if (!found.includes('Outdated base')) throw new Error(`nothing was found in ${found}`)
    theirs.push(between - began)
    ours.push(ended - between)
  }
  report({
    name: unanswered === 0 ? name : `${name} (${unanswered} of ${visits} not in time, to be asked for again)`,
    ours: ['answer, all but the slowest', slowest(ours), 'ms'],
    rival: ['bare look-up', slowest(theirs), 'ms'],
    ratio: slowest(ours) / slowest(theirs),
    wanted: 'under 50 ms',
  })
}

/** Portus' question, and each of its posts, while nothing that is asked of the database is answered. */
async function whileFrozen(): Promise<void> {
  const times: number[] = []
  const timed = async (work: () => Promise<Response>): Promise<void> => {
    const began = performance.now()
    await (await work()).json()
    times.push(performance.now() - began)
  }
  await sql.begin(async (tx) => {
    await tx`lock table scanned_layer, tag, cause, manifest, portus_look in access exclusive mode`
    for (let visit = 1; visit <= visits; visit++) {
      const Layer = { Name: blob(visit, 1), ParentName: '', Path: `https://${host}/v2/ns1/app/blobs/x` }
      await timed(() => fetch(url, { method: 'POST', body: JSON.stringify({ Layer }) }))
      await timed(() => question(blob(visit, depth)))
    }
  })
  report({
    name: 'a visit of Portus while the database does not answer',
    ours: ['answer, the slowest', Math.max(...times), 'ms'],
    rival: ['patience with the database', 35, 'ms'],
    ratio: Math.max(...times) / 35,
    wanted: 'under 50 ms',
  })
}

/** What a run does before it asks: marks are acted on, and what is due is looked up. */
async function lookForDue(): Promise<void> {
  const d = digestDeps(sql, config)
  const run = async (): Promise<[number, string[]]> => {
    const began = performance.now()
    await noteShown(d, new AbortController().signal)
    await tidyLooks(d)
    const due = await dueTags(d, 100)
    return [performance.now() - began, due.map(({ ref }) => ref)]
  }
  const [all] = await run()
  await sql`update portus_look set answered = wanted, answered_at = now(), next_at = now() + interval '1 day'`
  const times: number[] = []
  for (let image = 1; image <= visits / 2; image++) {
    const [tag] = await sql<{ ref: string }[]>`
      update cause set to_digest = ${`sha256:${'c'.repeat(64)}`} from tag where tag.id = tag_id and tag.name = ${String(image)} returning tag.ref`
    await markTags(sql, [tag!.ref])
    const [time, due] = await run()
    if (!due.includes(tag!.ref)) throw new Error(`${tag!.ref} is not due`)
    times.push(time)
  }
  report({
    name: `what Portus is to be asked about, one tag changed among ${size} outdated ones`,
    ours: ['a run, all but the slowest', slowest(times), 'ms'],
    rival: ['going through all', all, 'ms'],
    ratio: slowest(times) / all,
    wanted: 'under 0.1',
  })
}

try {
  await compare(`a visit of Portus, among ${size} manifests`, (visit) => 1 + ((visit * 7919) % size))
  const sharing = Math.floor(size / 10)
  await compare(
    `the same, where ${sharing} of them share their top layer`,
    (visit) => 10 * (1 + ((visit * 7919) % sharing)),
  )
  await lookForDue()
  await whileFrozen()
} finally {
  server.closeAllConnections()
  server.close()
  registries.close()
  await Promise.all([sql.end(), db.$disconnect()])
  await database.stop()
  rmSync(data, { recursive: true, force: true })
}
