import { createHmac } from 'node:crypto'
import { type Message, type Notifier, type ToldItem, typeOf, type Written } from './notifier.ts'

/** Most tags of one event, and most bytes of their JSON: what is more comes as further events, each saying which part it is. */
export const mostItems = 1000
export const mostBytes = 512 * 1024

/**
 * CloudEvents 1.0 in structured mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md), signed as
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md has it. The event's id is the
 * delivery's and the `webhook-id`, the same at each try.
 */
export const webhook: Notifier = {
  write(message, { publicUrl }, newId) {
    const { namespace, url } = message
    if (message.kind === 'test') return [event(message, publicUrl, newId(), null, { namespace, url })]
    const { base, to, items: all } = message
    return chunks(all).map((items, i, { length: parts }) =>
      event(message, publicUrl, newId(), base, {
        namespace,
        base,
        to,
        total: all.length,
        part: i + 1,
        parts,
        url,
        items,
      }),
    )
  },
  headers({ id, body }, secrets, at) {
    const timestamp = String(Math.floor(at.getTime() / 1000))
    return {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': secrets.map((secret) => `v1,${signature(`${id}.${timestamp}.${body}`, secret)}`).join(' '),
    }
  },
}

function event(
  { kind, namespace, at }: Message,
  publicUrl: string,
  id: string,
  subject: string | null,
  data: object,
): Written {
  const type = typeOf(kind)
  const source = `${publicUrl}/api/v1/namespaces/${encodeURIComponent(namespace)}`
  const about = subject === null ? {} : { subject }
  const context = { specversion: '1.0', id, source, type, ...about, time: at.toISOString() }
  return { id, type, body: { ...context, datacontenttype: 'application/json', data } }
}

/** At least one, also of nothing; no item is left out, whatever its size. */
function chunks(items: readonly ToldItem[]): ToldItem[][] {
  const all: ToldItem[][] = [[]]
  let bytes = 0
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item))
    const last = all.at(-1)!
    if (last.length > 0 && (last.length >= mostItems || bytes + size > mostBytes)) {
      all.push([item])
      bytes = size
    } else {
      last.push(item)
      bytes += size
    }
  }
  return all
}

/** `whsec_` and base64, as the specification writes secrets; else the text itself. */
const signature = (content: string, secret: string): string =>
  createHmac('sha256', secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret)
    .update(content)
    .digest('base64')
