import { readFileSync } from 'node:fs'
import type { Delivery } from '../../../src/webhook/formats/format.ts'

/** A payload as its vendor documents it; `source` says where. */
export type Documented = { source: string; note?: string; headers: Record<string, string>; body: unknown }

export const documented = (name: string): Documented =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'))

export const receivedAt = new Date('2026-11-21T12:00:00.000Z')

/** It as an adapter gets it; `host`: under which the registry is known. */
export const deliveryOf = (
  { headers, body }: Pick<Documented, 'headers' | 'body'>,
  { id = 'delivery-1', host = 'registry.test' } = {},
): Delivery => ({
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  id,
  receivedAt,
  isHost: (said) => said === host,
})
