import { createHash } from 'node:crypto'
import axios from 'axios'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { AccessError } from './access-error.ts'
import type { Principal } from './principal.ts'

/** `user:token` as Portus writes it; application tokens are Devise's, which hold no colon. */
const header = /^([A-Za-z0-9][A-Za-z0-9._@+-]{0,254}):([\x21-\x39\x3b-\x7e]{1,500})$/

const keptMs = { accepted: 60_000, refused: 10_000 }
const patienceMs = 5000
/** Answers that are kept at most: whoever tries tokens must not fill the memory. */
const mostKept = 10_000

const Validated = z.object({ valid: z.boolean() })
type Answer = 'accepted' | 'refused'
type Kept = { until: number; answer: Promise<Answer> }

/**
 * Asks a Portus whether `user:token` is right, and remembers the answer. The call is `GET /api/v1/namespaces/validate`: any user may
 * make it, and it does nothing but look whether a name is free
 * (https://github.com/SUSE/Portus/blob/master/lib/api/v1/namespaces.rb, authorization!(force_admin: false) in lib/api/helpers.rb).
 * Refused: 401 and 403; anything else that is not its answer is `portus-failed`, and is not kept.
 */
export function makePortusCheck(portusUrl: string, now: () => number = Date.now): (pair: string) => Promise<Answer> {
  const kept = new Map<string, Kept>()
  return (pair) => {
    const key = createHash('sha256').update(pair).digest('base64')
    const known = kept.get(key)
    // a clock that is set back keeps nothing for longer than it was meant to be kept
    if (known && known.until > now() && known.until <= now() + keptMs.accepted) return known.answer
    const answer = ask(portusUrl, pair)
    const entry = { until: now() + keptMs.refused, answer }
    kept.delete(key)
    if (kept.size >= mostKept) kept.delete(kept.keys().next().value as string)
    kept.set(key, entry)
    answer.then(
      (said) => {
        entry.until = now() + keptMs[said]
      },
      () => {
        if (kept.get(key) === entry) kept.delete(key)
      },
    )
    return answer
  }
}

async function ask(portusUrl: string, pair: string): Promise<Answer> {
  const url = `${portusUrl.replace(/\/+$/, '')}/api/v1/namespaces/validate?name=drydock`
  const answer = await axios
    .get<unknown>(url, {
      headers: { 'portus-auth': pair, accept: 'application/json' },
      ...{ timeout: patienceMs, maxRedirects: 0, maxContentLength: 65_536, proxy: false, validateStatus: null },
      signal: AbortSignal.timeout(patienceMs),
    })
    .catch((error: Error) => {
      throw new AccessError('portus-failed', 'Portus does not answer', error)
    })
  if (answer.status === 401 || answer.status === 403) return 'refused'
  if (answer.status !== 200 || !Validated.safeParse(answer.data).success)
    throw new AccessError('portus-failed', `Portus answers ${answer.status} where it was asked who somebody is`)
  return 'accepted'
}

/**
 * The person whom Portus knows by this header; null where it refuses, or they are not known and enabled here. Portus compares names as
 * its database does, where "Alice" may be "alice": so a name counts only while nobody else here has it but for capitals.
 */
export async function portusPrincipal(
  d: Pick<Deps, 'sql'>,
  check: (pair: string) => Promise<Answer>,
  pair: string,
): Promise<Principal | null> {
  const name = header.exec(pair)?.[1]
  if (name === undefined) return null
  const people = await d.sql<{ name: string; admin: boolean; enabled: boolean }[]>`
    select name, admin, enabled from person where lower(name) = lower(${name}) limit 2`
  const [found] = people
  if (people.length !== 1 || found?.name !== name || !found.enabled) return null
  if ((await check(pair)) === 'refused') return null
  return { name, via: 'portus', admin: found.admin, scopes: [] }
}
