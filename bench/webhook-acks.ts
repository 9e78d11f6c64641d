/**
 * How many notifications a second the service acknowledges, each durable before its 202, beside an Express route that
 * does nothing (bench/express-no-op.ts): in turns, in the same run, on the same machine as the load. Run: npm run bench:acks
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { push } from '../src/demo/distribution.ts'
import { base, baseContent } from '../src/demo/family.ts'
import type { Content } from '../src/demo/make-content.ts'
import { type Closers, type Stage, setStage } from '../src/demo/stage.ts'
import { load, type Measured } from './load.ts'
import { report } from './report.ts'

const rounds = 3
const seconds = 5
const root = join(import.meta.dirname, '..')
async function startRival(): Promise<{ url: string; end: () => void }> {
  const child = spawn(process.execPath, [join(root, 'bench/express-no-op.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: `http://127.0.0.1:${port.toString().trim()}/v2/webhooks/events`, end: () => void child.kill() }
}

const middle = (all: readonly Measured[], of: (one: Measured) => number) =>
  all.map(of).sort((a, b) => a - b)[Math.floor(all.length / 2)]!
const line = (name: string, all: readonly Measured[]) =>
  `${name.padEnd(24)} ${middle(all, (one) => one.perSecond)
    .toFixed(0)
    .padStart(
      7,
    )}/s  p50 ${middle(all, (one) => one.p50).toFixed(2)} ms  p99 ${middle(all, (one) => one.p99).toFixed(2)} ms`

/** Measures the service in these roles; web alone takes events in and leaves them for later. */
async function measure(rival: string, roles: string): Promise<void> {
  const closers: Closers = []
  try {
    const stage = await setStage(join(root, 'bin/drydock.mjs'), roles, process.env, closers, () => {})
    const content = baseContent('1', new Date())
    await push(stage.registry, base.repository, base.tag, content)
    const headers = {
      'content-type': 'application/vnd.docker.distribution.events.v1+json',
      authorization: `Bearer ${stage.hook}`,
    }
    const body = () => pushEvent(stage, content)
    for (const connections of [1, 32]) {
      const [ours, theirs]: [Measured[], Measured[]] = [[], []]
      for (let round = 0; round < rounds; round++) {
        theirs.push(await load({ url: rival, headers, body }, connections, seconds))
        ours.push(await load({ url: `${stage.url}/v2/webhooks/events`, headers, body }, connections, seconds))
      }
      console.log(`  ${line('express, nothing done', theirs)}`)
      console.log(`  ${line('drydock, durable', ours)}`)
      const [mine, rivals] = [ours, theirs].map((all) => middle(all, (one) => one.perSecond)) as [number, number]
      report({
        name: `notifications acknowledged: ${connections} connections, roles ${roles}`,
        ours: ['durable before its answer', mine, '/s'],
        rival: ['Express, nothing done', rivals, '/s'],
        ratio: mine / rivals,
        wanted: 'as near 1 as can be',
      })
    }
  } finally {
    for (const end of closers.reverse()) await end()
  }
}

/** A push event as Distribution sends it, with an id of its own; all name the same tag and digest. */
function pushEvent({ registry, host }: Stage, { digest, manifest }: Content): string {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const target = { mediaType, digest, size: manifest.length, repository: base.repository, tag: base.tag }
  const request = { id: randomUUID(), addr: '127.0.0.1', host, method: 'PUT', useragent: 'bench' }
  const event = {
    id: randomUUID(),
    timestamp: new Date().toISOString(),
    action: 'push',
    target: { ...target, url: `${registry}/v2/${base.repository}/manifests/${digest}` },
    request,
    actor: {},
    source: { addr: 'bench', instanceID: 'bench' },
  }
  return JSON.stringify({ events: [event] })
}

console.log(`medians of ${rounds} rounds of ${seconds} s, in turns`)
const rival = await startRival()
try {
  await measure(rival.url, 'web')
  await measure(rival.url, 'web,worker,builder')
} finally {
  rival.end()
}
