import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A notification as it came in. */
export type ReceivedEvent = {
  id: string
  timestamp: string
  action: string
  target: {
    repository: string
    digest?: string
    mediaType?: string
    size?: number
    tag?: string
    url?: string
    references?: { digest: string; mediaType: string; size: number }[]
  }
}
export type ReceivedPost = {
  authorization: string | undefined
  contentType: string | undefined
  events: ReceivedEvent[]
}

export type EventReceiver = {
  url: string
  posts: readonly ReceivedPost[]
  /** every event received so far, in order */
  events: () => ReceivedEvent[]
  /** waits until `enough` holds of all events so far, at most `seconds` */
  until: (enough: (events: ReceivedEvent[]) => boolean, seconds?: number) => Promise<ReceivedEvent[]>
  close: () => Promise<void>
}

/** An endpoint for a registry's notifications on a free loopback port. `answer` gives the status for each POST (default 202). */
export async function receiveEvents(answer: (post: ReceivedPost) => number = () => 202): Promise<EventReceiver> {
  const posts: ReceivedPost[] = []
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { events } = JSON.parse(Buffer.concat(chunks).toString()) as { events: ReceivedEvent[] }
      const { authorization } = request.headers
      const post = { authorization, contentType: request.headers['content-type'], events }
      posts.push(post)
      response.writeHead(answer(post)).end()
      for (const look of waiting) look()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const events = () => posts.flatMap((post) => post.events)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    posts,
    events,
    until: (enough, seconds = 90) =>
      new Promise((resolve, reject) => {
        const end = () => {
          clearTimeout(timer)
          waiting.delete(look)
        }
        const look = () => {
          if (!enough(events())) return
          end()
          resolve(events())
        }
        const timer = setTimeout(() => {
          end()
          reject(
            new Error(
              `not received in ${seconds} s; so far ${JSON.stringify(events().map((e) => [e.action, e.target]))}`,
            ),
          )
        }, seconds * 1000)
        waiting.add(look)
        look()
      }),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
