import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs `work` while no other process runs one for this folder. Who waits asks again every 50 ms. The lock is a listening socket, so
 * that it goes with its process however that ends: on Linux an abstract one (unix(7)), elsewhere a file that is removed where nobody
 * listens any more.
 */
export async function withStartLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const name = `drydock-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`
  const address = process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
  let server = await listen(address)
  while (server === null) {
    if (process.platform !== 'linux' && !(await isHeld(address))) rmSync(address, { force: true })
    else await sleep(50)
    server = await listen(address)
  }
  const held = server
  try {
    return await work()
  } finally {
    await new Promise((done) => held.close(done))
  }
}

/** The lock, or null where another has it. */
const listen = (address: string): Promise<Server | null> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    )
    server.listen(address, () => resolve(server))
  })

const isHeld = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(address, () => {
      socket.destroy()
      resolve(true)
    }).once('error', () => resolve(false))
  })
