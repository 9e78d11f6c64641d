import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands before a registry, so that its answers carry the story's `Date`. `target` is set for each story. */
export async function clockProxy(clock: () => Date) {
  let target = 'http://127.0.0.1:9'
  const server = createServer((incoming, outgoing) => {
    const { host: _, ...headers } = incoming.headers
    const passed = request(new URL(incoming.url ?? '/', target), { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, date: clock().toUTCString() })
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead(to: string) {
      target = to
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
