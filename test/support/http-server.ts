import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** A request that came in. */
export type Seen = {
  method: string
  path: string
  authorization: string | undefined
  headers: IncomingMessage['headers']
}

export type HttpServer = {
  /** `http://127.0.0.1:PORT` or `https://localhost:PORT` */
  url: string
  seen: readonly Seen[]
  close: () => Promise<void>
}

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void

/** A real HTTP server on loopback that answers as a test says: for the registries that lie, stall and break. */
export async function serveHttp(handler: Handler, tls?: { key: string; cert: string }): Promise<HttpServer> {
  const seen: Seen[] = []
  const listener: RequestListener = (request, response) => {
    const { method = '', url = '', headers } = request
    seen.push({ method, path: url, authorization: headers.authorization, headers })
    handler(request, response, new URL(url, 'http://server'))
  }
  const server = tls ? createSecureServer(tls, listener) : createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    seen,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Answers with JSON, or bytes as they are. */
export function reply(
  response: ServerResponse,
  status: number,
  body: object | Buffer | string = '',
  headers: Record<string, string> = {},
): void {
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  response.writeHead(status, headers).end(bytes)
}
