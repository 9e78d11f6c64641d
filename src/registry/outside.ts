import type { Logger } from 'pino'
import { type ClientOptions, makeClient, type RegistryClient } from './client.ts'
import type { Answer, Exchange } from './exchange.ts'
import { type Guard, isNeverAsked, makeGuard } from './guard.ts'
import { isLoopback } from './loopback.ts'
import { RegistryError } from './registry-error.ts'
import type { RetryPolicy } from './retry.ts'

/** What counts the requests to one registry: `take` waits for its turn or throws, `told` reads every answer. */
export type Meter = { take: () => Promise<void>; told: (answer: Pick<Answer, 'status' | 'headers'>) => void }

/** A registry that sends us nothing. `open`: a client of its own, to be closed by the caller, whose every request is metered. */
export type OutsideRegistry = {
  name: string
  /** requests a minute at most */
  perMinute: number
  open: (meter: Meter) => RegistryClient
}

export const usualPerMinute = 60

/** What asks for patience is not asked again here: that is the meter's business. */
const policy: RetryPolicy = { attempts: 3, firstPause: 500, longestPause: 2_000, longestRetryAfter: 0 }
const timeOuts = { idle: 15_000, total: 60_000 }

/** Where a host that nobody configured is reached: https, plain http on loopback; null where it is never asked. */
export function addressOf(host: string): URL | null {
  if (host === 'docker.io') return new URL('https://registry-1.docker.io')
  const secure = URL.parse(`https://${host}`)
  if (!secure || secure.hostname === '' || isNeverAsked(secure)) return null
  return isLoopback(secure) ? new URL(`http://${host}`) : secure
}

/** A host that nobody configured: asked without a login, and only where the guard lets it go. Null where it is never asked. */
export function anonymousRegistry(host: string, log: Logger): OutsideRegistry | null {
  const url = addressOf(host)
  return url && outsideRegistry(host, { url }, usualPerMinute, log, makeGuard(url))
}

/** `guard` null: the configuration says where it is and is trusted. */
export function outsideRegistry(
  name: string,
  options: Pick<ClientOptions, 'url' | 'credentials' | 'ca' | 'insecure'>,
  perMinute: number,
  log: Logger,
  guard: Guard | null,
): OutsideRegistry {
  const child = log.child({ registry: name })
  return {
    name,
    perMinute,
    open: (meter) =>
      makeClient({
        ...options,
        policy,
        timeOuts,
        width: 4,
        ...(guard ? { lookup: guard.lookup } : {}),
        around: (send) => metered(send, meter, guard),
        onRetry: (error, attempt, wait) => child.debug({ err: error, attempt, wait }, 'registry: asking again'),
      }),
  }
}

function metered(send: Exchange['send'], meter: Meter, guard: Guard | null): Exchange['send'] {
  return async (ask, signal) => {
    const refusal = guard?.refuse(ask.url) ?? null
    if (refusal !== null) throw new RegistryError('bad-response', refusal)
    await meter.take()
    const answer = await send(ask, signal)
    meter.told(answer)
    return answer
  }
}

/** True where a glob (`*` = any characters) names the host; both normalised. */
export const matchesHost = (globs: readonly string[], host: string): boolean =>
  globs.some((glob) => globbed(glob).test(host))

const globbed = (glob: string): RegExp =>
  new RegExp(`^${glob.replace(/[.[\]^$+?(){}|\\]/g, '\\$&').replaceAll('*', '.*')}$`)
