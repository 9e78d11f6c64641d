import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A loopback address in front of another: `cut` ends what is connected and lets nobody in until `mend`; `refused`: how many came meanwhile; `answered`: bytes that came back. */
export type TcpProxy = {
  port: number
  cut(): void
  mend(): void
  refused(): number
  answered(): number
  close(): Promise<void>
}

/** @param port the loopback port behind it */
export async function tcpProxy(port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let whole = true
  let [refused, bytes] = [0, 0]
  const server = createServer((near) => {
    if (!whole) {
      refused++
      return near.destroy()
    }
    const far = connect(port, '127.0.0.1')
    far.on('data', (chunk) => {
      bytes += chunk.length
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    refused: () => refused,
    answered: () => bytes,
    cut() {
      whole = false
      drop()
    },
    mend() {
      whole = true
    },
    async close() {
      drop()
      await new Promise((done) => server.close(done))
    },
  }
}
