import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What to answer instead of the registry, or undefined to pass the request on. `status` 0 breaks the connection off. */
export type Fault = (
  method: string,
  path: string,
) => { status: number; body?: string; headers?: Record<string, string> } | undefined

/**
 * Stands before a real registry and misbehaves as told. `asked` counts what came in, by `METHOD path`. `skew`: milliseconds by which the
 * registry's clock is ahead, as its answers tell.
 */
export async function faultyProxy(target: string, skew: () => number = () => 0) {
  let fault: Fault = () => undefined
  const asked = new Map<string, number>()
  const server = createServer((incoming, outgoing) => {
    const what = `${incoming.method} ${incoming.url}`
    asked.set(what, (asked.get(what) ?? 0) + 1)
    const wrong = fault(incoming.method ?? '', incoming.url ?? '')
    if (wrong?.status === 0) return incoming.socket.destroy()
    if (wrong) return outgoing.writeHead(wrong.status, wrong.headers).end(wrong.body)
    const { host: _, ...headers } = incoming.headers
    const passed = request(new URL(incoming.url ?? '/', target), { method: incoming.method, headers }, (answer) => {
      const date = new Date(Date.now() + skew()).toUTCString()
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, date })
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    misbehave(next: Fault) {
      fault = next
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
