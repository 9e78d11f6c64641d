import { type Answer, type Ask, place } from './exchange.ts'
import { RegistryError } from './registry-error.ts'

const hops = 5
const redirects = [301, 302, 303, 307, 308]

/**
 * Sends a GET or HEAD on to where its answer points, as registries do with blobs that lie in a store of objects. `Authorization` goes
 * to no other origin, and once left out stays out. `plain`: http may follow https.
 */
export async function follow(send: (ask: Ask) => Promise<Answer>, ask: Ask, plain: boolean): Promise<Answer> {
  let current = ask
  for (let hop = 0; ; hop++) {
    const answer = await send(current)
    const { location } = answer.headers
    const safe = ask.method === 'GET' || ask.method === 'HEAD'
    if (!safe || !redirects.includes(answer.status) || location === undefined) return answer
    if (hop === hops) throw new RegistryError('bad-response', `${place(ask.url)}: more than ${hops} redirects`)
    const url = resolveLocation(location, current.url, plain)
    current = {
      ...current,
      url,
      headers: url.origin === current.url.origin ? current.headers : anonymous(current.headers),
    }
  }
}

const anonymous = (headers: Ask['headers']): Ask['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'))

/**
 * Where a `Location` or `Link` points, relative or not. A registry behind a proxy that ends TLS writes http for its own https: that is
 * read as https. Anything else that leaves https is refused unless `plain`.
 */
export function resolveLocation(location: string, from: URL, plain: boolean): URL {
  const url = URL.parse(location, from.href)
  if (!url || !/^https?:$/.test(url.protocol))
    throw new RegistryError('bad-response', `${place(from)}: points at no address`)
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    if (url.hostname === from.hostname && (url.port === '' || url.port === from.port)) {
      const secure = new URL(url.href)
      secure.protocol = 'https:'
      secure.port = from.port
      return secure
    }
    if (!plain) throw new RegistryError('bad-response', `${place(from)}: points from https to http`)
  }
  return url
}
