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
import { type Closers, setStage } from '../src/demo/stage.ts'
import { load, type Measured } from './load.ts'

const rounds = 3
const seconds = 5
const root = join(import.meta.dirname, '..')
const closers: Closers = []

async function startRival(): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'bench/express-no-op.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  closers.push(() => void child.kill())
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return `http://127.0.0.1:${port.toString().trim()}/v2/webhooks/events`
}

const middle = (all: readonly Measured[], of: (one: Measured) => number) =>
  all.map(of).sort((a, b) => a - b)[Math.floor(all.length / 2)]!
const line = (name: string, all: readonly Measured[]) =>
  `${name.padEnd(24)} ${middle(all, (one) => one.perSecond)
    .toFixed(0)
    .padStart(
      7,
    )}/s  p50 ${middle(all, (one) => one.p50).toFixed(2)} ms  p99 ${middle(all, (one) => one.p99).toFixed(2)} ms`

try {
  const stage = await setStage(join(root, 'bin/drydock.mjs'), process.env, closers, () => {})
  const content = baseContent('1', new Date())
  await push(stage.registry, base.repository, base.tag, content)
  const target = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: content.digest,
    size: content.manifest.length,
  }
  const headers = {
    'content-type': 'application/vnd.docker.distribution.events.v1+json',
    authorization: `Bearer ${stage.hook}`,
  }
  /** A push event as Distribution sends it, with an id of its own; all name the same tag and digest. */
  const body = () =>
    JSON.stringify({
      events: [
        {
          id: randomUUID(),
          timestamp: new Date().toISOString(),
          action: 'push',
          target: { ...target, repository: base.repository, tag: base.tag, url: `${stage.registry}/v2/` },
          request: { id: randomUUID(), addr: '127.0.0.1', host: stage.host, method: 'PUT', useragent: 'bench' },
          actor: {},
          source: { addr: 'bench', instanceID: 'bench' },
        },
      ],
    })
  const rival = await startRival()
  for (const connections of [1, 32]) {
    const [ours, theirs]: [Measured[], Measured[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      theirs.push(await load({ url: rival, headers, body }, connections, seconds))
      ours.push(await load({ url: `${stage.url}/v2/webhooks/events`, headers, body }, connections, seconds))
    }
    console.log(
      `${connections} ${connections === 1 ? 'connection' : 'connections'}, ${rounds} rounds of ${seconds} s, medians`,
    )
    console.log(`  ${line('express, nothing done', theirs)}`)
    console.log(`  ${line('drydock, durable', ours)}`)
    const ratio = middle(ours, (one) => one.perSecond) / middle(theirs, (one) => one.perSecond)
    console.log(`  ratio ${ratio.toFixed(2)}`)
  }
} finally {
  for (const end of closers.reverse()) await end()
}
