import type { Request, Response } from 'express'
import type { Principal } from '../access/principal.ts'
import { type TextWithheld, withholdingText } from '../access/withhold-text.ts'
import { followLog, readLog } from '../build/logs.ts'
import type { Deps } from '../deps.ts'
import { type LogPlace, logPlaces, placeOf } from './log-places.ts'

type Needs = Pick<Deps, 'sql' | 'config'>

/**
 * A build's log as text or, asked for with `Accept: text/event-stream`, as events (HTML standard, server-sent events): about one a
 * chunk, its id where to go on after a break (`Last-Event-ID`), and at last `event: end` with the build's state. `follow`: until the
 * build ends; else what there is. Names that are not the reader's to see are withheld as the log is read.
 */
export async function sendLog(
  d: Needs,
  id: string,
  call: { follow: boolean; request: Request; response: Response; principal: Principal },
): Promise<void> {
  const { follow, request, response, principal } = call
  const events = request.accepts(['text/plain', 'text/event-stream']) === 'text/event-stream'
  response
    .status(200)
    .type(events ? 'text/event-stream' : 'text/plain')
    // no-transform: not to be compressed on the way, which would hold it back; nginx holds back unless it is told so
    .setHeader('cache-control', events ? 'no-store, no-transform' : 'no-store')
  if (events || follow) response.setHeader('x-accel-buffering', 'no')
  const withheld = await withholdingText(d, principal)
  if (!follow && !events && !withheld) return void response.send(await readLog(d, id))
  if (request.method === 'HEAD') return void response.end()
  const stop = new AbortController()
  response.on('close', () => stop.abort())
  response.flushHeaders()
  const awake = events ? setInterval(() => !response.writableNeedDrain && response.write(':\n\n'), awakeMs) : undefined
  response.on('close', () => clearInterval(awake))
  const from = placeOf(request.headers['last-event-id'])
  const until = follow ? undefined : await chunksOf(d, id)
  for await (const { text, place } of parts(d, id, { signal: stop.signal, from, until, withheld })) {
    const chunk = events ? event(place, text) : text
    if (!response.write(chunk) && !stop.signal.aborted)
      await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
  }
  if (events && !stop.signal.aborted) response.write(`event: end\ndata: ${await stateOf(d, id)}\n\n`)
  response.end()
}

type Wanted = { signal: AbortSignal; from: LogPlace; until: number | undefined; withheld: TextWithheld | null }

/** The log from a place on, up to the chunk `until`, as it may be told; each part with the place behind it. */
async function* parts(
  d: Needs,
  id: string,
  { signal, from, until, withheld }: Wanted,
): AsyncGenerator<{ text: string; place: string }> {
  if (until !== undefined && until <= from.chunk) return
  const places = logPlaces(from)
  for await (const chunk of followLog(d, id, { signal, from: from.chunk })) {
    const text = places.take(chunk)
    const told = withheld ? await withheld.feed(text) : text
    if (!withheld || told !== '') yield { text: told, place: places.before(withheld?.held() ?? 0) }
    if (until !== undefined && chunk.next >= until) break
  }
  const rest = (await withheld?.end()) ?? ''
  if (rest !== '') yield { text: rest, place: places.before(0) }
}

/** A comment each so often: proxies end what is silent for a minute, and who reads can tell a silent build from a lost connection. */
const awakeMs = 15_000

/** One event. A line of data ends with any of CR, LF, CRLF; the client puts LF between them. */
const event = (place: string, text: string): string =>
  `id: ${place}\n${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`

async function chunksOf(d: Pick<Deps, 'sql'>, id: string): Promise<number> {
  const [found] = await d.sql<{ chunks: number }[]>`
    select coalesce(max(seq) + 1, 0)::int as chunks from build_log where build_id = ${id}`
  return found?.chunks ?? 0
}

async function stateOf(d: Pick<Deps, 'sql'>, id: string): Promise<string> {
  const [found] = await d.sql<{ state: string }[]>`select state from build where id = ${id}`
  return found?.state ?? 'gone'
}
