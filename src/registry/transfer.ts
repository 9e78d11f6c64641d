import { Readable } from 'node:stream'
import { RegistryError } from './registry-error.ts'

/** Bytes to send that come from elsewhere: `size` of them, from the beginning each time it is opened. */
export type ByteSource = { size: number; open: () => Promise<AsyncIterable<Uint8Array>> }

/** Bytes as they leave; `failure`: why their source gave no more, which is then the reason of whatever failed. */
export type Sending = { stream: Readable; failure: () => { error: unknown } | null }

const chunkBytes = 64 * 1024

export const sizeOf = (body: Uint8Array | ByteSource | undefined): number =>
  body === undefined ? 0 : body instanceof Uint8Array ? body.length : body.size

/** `touch` is called for each piece that is taken. */
export function sending(body: Uint8Array | ByteSource, touch: () => void): Sending {
  let failure: { error: unknown } | null = null
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of body instanceof Uint8Array ? cut(body) : await body.open()) {
        touch()
        yield piece
      }
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  return { stream: Readable.from(pieces(), { objectMode: false }), failure: () => failure }
}

function* cut(bytes: Uint8Array): Generator<Buffer> {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < whole.length; at += chunkBytes) yield whole.subarray(at, at + chunkBytes)
}

/** The whole of a body of at most `limit` bytes. `what` is for the error. */
export async function readWhole(body: Readable, limit: number, what: string, touch: () => void): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    touch()
    size += part.length
    if (size > limit) throw tooLarge(limit, what)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** The beginning of a body; what is more is not fetched. */
export async function readUpTo(body: Readable, limit: number, touch: () => void): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    touch()
    parts.push(part)
    size += part.length
    if (size >= limit) break
  }
  return Buffer.concat(parts).subarray(0, limit)
}

export const tooLarge = (limit: number, what: string): RegistryError =>
  new RegistryError('too-large', `${what}: more than ${limit} bytes`)
