import type { Request, Response } from 'express'
import { followLog, readLog } from '../build/logs.ts'
import type { Deps } from '../deps.ts'

/**
 * A build's log as text or, asked for with `Accept: text/event-stream`, as events (HTML standard, server-sent events): one a
 * chunk, its id where to go on after a break (`Last-Event-ID`), and at last `event: end` with the build's state. `follow`: until the
 * build ends; else what there is.
 */
export async function sendLog(
  d: Pick<Deps, 'sql'>,
  id: string,
  { follow, request, response }: { follow: boolean; request: Request; response: Response },
): Promise<void> {
  const events = request.accepts(['text/plain', 'text/event-stream']) === 'text/event-stream'
  response
    .status(200)
    .type(events ? 'text/event-stream' : 'text/plain')
    // no-transform: not to be compressed on the way, which would hold it back; nginx holds back unless it is told so
    .setHeader('cache-control', events ? 'no-store, no-transform' : 'no-store')
  if (events || follow) response.setHeader('x-accel-buffering', 'no')
  if (!follow && !events) return void response.send(await readLog(d, id))
  if (request.method === 'HEAD') return void response.end()
  const stop = new AbortController()
  response.on('close', () => stop.abort())
  response.flushHeaders()
  const awake = events ? setInterval(() => !response.writableNeedDrain && response.write(':\n\n'), awakeMs) : undefined
  response.on('close', () => clearInterval(awake))
  const from = startOf(request.headers['last-event-id'])
  const until = follow ? undefined : await chunksOf(d, id)
  if (until === undefined || until > from)
    for await (const { text, next } of followLog(d, id, { signal: stop.signal, from })) {
      const chunk = events ? event(next, text) : text
      if (!response.write(chunk) && !stop.signal.aborted)
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
      if (until !== undefined && next >= until) break
    }
  if (events && !stop.signal.aborted) response.write(`event: end\ndata: ${await stateOf(d, id)}\n\n`)
  response.end()
}

/** A comment each so often: proxies end what is silent for a minute, and who reads can tell a silent build from a lost connection. */
const awakeMs = 15_000

/** One event. A line of data ends with any of CR, LF, CRLF; the client puts LF between them. */
const event = (next: number, text: string): string =>
  `id: ${next}\n${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`

/** Where a client was; anything that is no chunk's number starts from the beginning. */
const startOf = (id: unknown): number => (typeof id === 'string' && /^\d{1,9}$/.test(id) ? Number(id) : 0)

async function chunksOf(d: Pick<Deps, 'sql'>, id: string): Promise<number> {
  const [found] = await d.sql<{ chunks: number }[]>`
    select coalesce(max(seq) + 1, 0)::int as chunks from build_log where build_id = ${id}`
  return found?.chunks ?? 0
}

async function stateOf(d: Pick<Deps, 'sql'>, id: string): Promise<string> {
  const [found] = await d.sql<{ state: string }[]>`select state from build where id = ${id}`
  return found?.state ?? 'gone'
}
