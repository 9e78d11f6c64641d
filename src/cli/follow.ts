import { setTimeout as delay } from 'node:timers/promises'
import { type Client, ClientError } from './client.ts'
import type { Context } from './context.ts'
import type { BuildView } from './views.ts'

const retryMs = 1000
/** So long a service may be away while its log is followed. */
const patienceMs = 300_000

/**
 * Gives a build's log as it grows, tells how it ended, and gives the build; the exit code is 1 unless it succeeded. A service that is restarted meanwhile
 * is asked again, from where its answer broke off: nothing is printed twice, nothing is left out.
 */
export async function follow(
  ctx: Context,
  api: Client,
  id: string,
  write: (text: string) => void = (text) => void ctx.stdout.write(text),
): Promise<BuildView> {
  const path = `/builds/${encodeURIComponent(id)}`
  const at = { lastId: null as string | null, begun: false }
  await patiently(at, () => read(api, `${path}/logs?follow=1`, at, write))
  const build = await patiently(at, () => api.json<BuildView>('GET', path))
  if (build.state !== 'succeeded')
    ctx.fail(`the build ${build.state}${build.error ? `: ${build.error.message} (${build.error.code})` : ''}`)
  else ctx.stderr.write(`built ${build.ref} as ${build.digest}\n`)
  return build
}

type At = { lastId: string | null; begun: boolean }

async function read(api: Client, path: string, at: At, write: (text: string) => void): Promise<void> {
  for await (const { id, event, data } of api.events(path, at.lastId)) {
    at.begun = true
    if (event === 'end') return
    write(data)
    if (id !== null) at.lastId = id
  }
  throw new ClientError('broken-off', 'the service broke off its answer')
}

/** Tries again while the service is away; the first answer must come at once, as a wrong address never gets better. */
async function patiently<T>(at: At, ask: () => Promise<T>): Promise<T> {
  let last = at.lastId
  for (let since = performance.now(); ; await delay(retryMs)) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof ClientError) || !isAway(error)) throw error
      at.begun ||= error.code === 'broken-off'
      if (!at.begun) throw error
      if (at.lastId !== last) [last, since] = [at.lastId, performance.now()]
      if (performance.now() - since > patienceMs) throw error
    }
  }
}

/** bad-answer: what stands before a service that is being restarted (502). */
const isAway = ({ code }: ClientError): boolean => ['unreachable', 'broken-off', 'bad-answer'].includes(code)
