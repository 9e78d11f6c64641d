import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What becomes of a request: it goes through, is answered so, gets no answer ever, or its connection is cut. */
export type Fate = 'through' | 'silence' | 'cut' | { status: number; headers?: Record<string, string>; body?: string }

/** A loopback address in front of a registry; `host` is the registry's name for whoever comes through here. */
export type RegistryProxy = {
  url: string
  host: string
  /** asked for each request; set by a test */
  fate: (request: { method: string; path: string; authorization: string | undefined }) => Fate
  /** every request, `METHOD PATH` */
  seen: string[]
  close: () => Promise<void>
}

/** @param port the registry's */
export async function registryProxy(port: number): Promise<RegistryProxy> {
  const server = createServer((request, response) => {
    const { method = '', url: path = '' } = request
    proxy.seen.push(`${method} ${path}`)
    const fate = proxy.fate({ method, path, authorization: request.headers.authorization })
    if (fate === 'through') pass(port, request, response)
    else if (fate === 'cut') request.socket.destroy()
    else if (fate === 'silence') request.resume()
    else {
      request.resume()
      response.writeHead(fate.status, { 'content-type': 'application/json', ...fate.headers }).end(fate.body)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const own = (server.address() as AddressInfo).port
  const proxy: RegistryProxy = {
    url: `http://127.0.0.1:${own}`,
    host: `localhost:${own}`,
    fate: () => 'through',
    seen: [],
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return proxy
}

/** The Host header stays, so that the addresses which the registry tells lead through here again. */
function pass(port: number, request: IncomingMessage, response: ServerResponse): void {
  const { method, url: path, headers } = request
  const onward = send({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}
