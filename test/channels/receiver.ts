import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { type HttpServer, serveHttp } from '../support/http-server.ts'

/** What a channel's receiver was sent. */
export type Got = { path: string; headers: IncomingMessage['headers']; body: string }

/** A real receiver on loopback: reads all of a request, and answers as a test says; `got` in the order in which they came. */
export type Receiver = Pick<HttpServer, 'url' | 'close'> & { got: Got[] }

export async function receiver(
  answer: (response: ServerResponse, nth: number) => void = (response) => response.writeHead(204).end(),
): Promise<Receiver> {
  const got: Got[] = []
  const { url, close } = await serveHttp((request, response) => {
    const { url: path = '', headers } = request
    void text(request).then(
      (body) => answer(response, got.push({ path, headers, body })),
      () => response.destroy(),
    )
  })
  return { url, close, got }
}
