import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** One event. `id` null where it has none. */
export type ServerEvent = { type: string; data: string; id: string | null }

/** The most of one event that is kept waiting for its end, characters. */
const longest = 4_000_000

/**
 * Reads a stream of server-sent events to its end. An event that was not finished is dropped, as the standard has it: asked for again by
 * the id of the last one, it comes whole. https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export async function readEvents(stream: AsyncIterable<Buffer>, take: (event: ServerEvent) => void): Promise<void> {
  const decoder = new StringDecoder('utf8')
  let held = ''
  let cut = ''
  for await (const bytes of stream) {
    // lines end in CR, LF or both, which may come apart
    const text = cut + decoder.write(bytes)
    cut = text.endsWith('\r') ? '\r' : ''
    held += text.slice(0, text.length - cut.length).replace(/\r\n?/g, '\n')
    const blocks = held.split('\n\n')
    held = blocks.pop() ?? ''
    if (held.length > longest) throw new Error('an event without an end')
    for (const block of blocks) take(eventOf(block))
  }
}

/** The same stream, destroyed once nothing has come for so long: a connection that is lost without a word would be waited on for ever. */
export async function* endingAfter(stream: Readable, ms: number): AsyncGenerator<Buffer> {
  const late = () => void stream.destroy(new Error(`nothing came for ${ms / 1000} s`))
  let timer = setTimeout(late, ms)
  try {
    for await (const bytes of stream) {
      clearTimeout(timer)
      yield bytes as Buffer
      timer = setTimeout(late, ms)
    }
  } finally {
    clearTimeout(timer)
  }
}

function eventOf(block: string): ServerEvent {
  const event: ServerEvent = { type: 'message', data: '', id: null }
  const data: string[] = []
  for (const line of block.split('\n')) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    if (field === 'event') event.type = value
    if (field === 'id') event.id = value
    if (field === 'data') data.push(value)
  }
  return { ...event, data: data.join('\n') }
}
