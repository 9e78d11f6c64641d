import { Agent, request } from 'node:http'

/** Where a load goes, and what each request carries; `body` is asked once a request. */
export type Target = { url: string; headers: Record<string, string>; body: () => string }
/** Requests a second, and the median and 99th percentile of one request in milliseconds. */
export type Measured = { perSecond: number; p50: number; p99: number }

/**
 * Keeps `connections` connections busy with POSTs for `seconds`; the next request of a connection waits for the answer
 * to the last. An answer other than 2xx ends the measurement: refusals are fast, and would look like speed.
 */
export async function load(target: Target, connections: number, seconds: number): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times: number[] = []
  const start = performance.now()
  const end = start + seconds * 1000
  async function connection(): Promise<void> {
    while (performance.now() < end) {
      const asked = performance.now()
      await post(agent, target, target.body())
      times.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: connections }, connection))
  const took = (performance.now() - start) / 1000
  agent.destroy()
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return { perSecond: times.length / took, p50: at(0.5), p99: at(0.99) }
}

const post = (agent: Agent, target: Target, body: string) =>
  new Promise<void>((resolve, reject) => {
    const headers = { ...target.headers, 'content-length': Buffer.byteLength(body) }
    const asked = request(target.url, { agent, method: 'POST', headers }, (answer) => {
      answer.resume()
      answer.once('end', () => {
        const status = answer.statusCode ?? 0
        if (status >= 200 && status < 300) resolve()
        else reject(new Error(`${target.url} answered ${status}`))
      })
    })
    asked.once('error', reject)
    asked.end(body)
  })
