import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** `bytes` null where the body was longer than the limit; `sha256` is of all of it either way. */
export type Body = { bytes: Buffer | null; sha256: string; length: number }

/**
 * Reads a body to its end, keeping no more than `limit` bytes: a registry that is cut off in the middle of sending
 * takes that for a failure and sends the same again for ever. `onLength` is told the length so far.
 */
export async function readBody(
  request: IncomingMessage,
  limit: number,
  onLength?: (length: number) => void,
): Promise<Body> {
  const hash = createHash('sha256')
  let kept: Buffer[] | null = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk)
    length += chunk.length
    if (length > limit) kept = null
    kept?.push(chunk)
    onLength?.(length)
  }
  return { bytes: kept && Buffer.concat(kept), sha256: hash.digest('hex'), length }
}
