import { z } from 'zod'
import { parseJson } from '../../oci/manifest.ts'
import type { Headers } from '../presented-tokens.ts'
import type { Delivery } from './format.ts'

/** The attributes that are used here; `data` undefined where it is no JSON. */
export type CloudEvent = {
  id: string | null
  type: string
  time: string | null
  data: unknown
  operator: string | null
}

const text = z.string().nullish().catch(null)
const Structured = z.object({
  specversion: z.string(),
  type: z.string(),
  id: text,
  time: text,
  operator: text,
  data: z.unknown().optional(),
  data_base64: text,
})

/**
 * The CloudEvents 1.0 of a request, in any of the modes of the HTTP binding: binary (attributes in headers), structured, a batch. Null:
 * it holds none. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
export function cloudEvents({ headers, body }: Pick<Delivery, 'headers' | 'body'>): CloudEvent[] | null {
  const type = attribute(headers, 'type')
  if (type !== null && attribute(headers, 'specversion') !== null)
    return [
      {
        ...{ type, id: attribute(headers, 'id'), time: attribute(headers, 'time') },
        ...{ operator: attribute(headers, 'operator'), data: parseJson(body) },
      },
    ]
  const parsed = parseJson(body)
  const all = (Array.isArray(parsed) ? parsed : [parsed]).map((one) => Structured.safeParse(one))
  if (all.length === 0 || !all.every((one) => one.success)) return null
  return all.map(({ data: { id, type, time, operator, data, data_base64 } }) => ({
    ...{ id: id ?? null, type, time: time ?? null, operator: operator ?? null },
    data: data_base64 ? parseJson(Buffer.from(data_base64, 'base64')) : data,
  }))
}

/** Of the binary mode: in a header of its own, with percent-encoding. */
function attribute(headers: Headers, name: string): string | null {
  const value = headers[`ce-${name}`]
  if (typeof value !== 'string') return null
  try {
    return decodeURIComponent(value.replace(/^"(.*)"$/, '$1'))
  } catch {
    return value // a sender that does not encode
  }
}
