/** One event as a service sends it: the last `id:`, `event:` (default "message"), and the lines of `data:`. */
export type ServerEvent = { id: string | null; event: string; data: string }

/** Server-sent events out of a text that comes in pieces; what is not ended by an empty line was not sent (HTML standard, 9.2.6). */
export async function* eventsIn(pieces: AsyncIterable<string>): AsyncGenerator<ServerEvent> {
  let held = ''
  for await (const piece of pieces) {
    held += piece
    const whole = held.split('\n\n')
    held = whole.pop() ?? ''
    for (const block of whole) yield parse(block)
  }
}

function parse(block: string): ServerEvent {
  const values = (name: string) =>
    block
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
  return {
    id: values('id').at(-1) ?? null,
    event: values('event').at(-1) ?? 'message',
    data: values('data').join('\n'),
  }
}
