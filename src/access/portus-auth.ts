import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { UserName } from '../people/person.ts'
import { makeAsker } from '../people/sources/ask-json.ts'
import { SourceError } from '../people/sources/source.ts'
import type { HttpPlace } from '../people-settings.ts'
import { AccessError } from './access-error.ts'
import type { Principal } from './principal.ts'
import { type Attempt, makeGuard } from './sign-in-guard.ts'

/**
 * `user:token`. One colon: of several parts Portus takes the first two (lib/portus/auth_from_token.rb of https://github.com/SUSE/Portus), so
 * that "a:b:c" would be its "a" and not ours of the name "a:b". ASCII: its database takes "ö" for "o".
 */
const header = /^([\x20-\x39\x3b-\x7e]{1,255}):([\x21-\x39\x3b-\x7e]{1,500})$/

const keptMs = { accepted: 60_000, refused: 10_000 }
const limits = { connectMs: 5000, idleMs: 5000, totalMs: 5000, maxBytes: 65_536 }
/** Answers that are kept at most: whoever tries tokens must not fill the memory. */
const mostKept = 10_000

const Validated = z.object({ valid: z.boolean() })
type Answer = 'accepted' | 'refused'
export type PortusCheck = (pair: string, attempt: Attempt) => Promise<Answer>
type Kept = { until: number; answer: Promise<Answer> }

/**
 * Asks a Portus whether `user:token` is right, and remembers the answer. What is not remembered counts as an attempt of this name from
 * this address, before Portus is asked, and is none where it was right or Portus did not say (`too-many-attempts`). The call is `GET /api/v1/namespaces/validate`: any user may
 * make it, and it does nothing but look whether a name is free
 * (https://github.com/SUSE/Portus/blob/master/lib/api/v1/namespaces.rb, authorization!(force_admin: false) in lib/api/helpers.rb).
 * Refused: 401 and 403; anything else that is not its answer is `portus-failed`, and is not kept.
 */
export function makePortusCheck(portus: HttpPlace, now: () => number = Date.now): PortusCheck {
  const kept = new Map<string, Kept>()
  const guard = makeGuard()
  const guarded = async (pair: string, attempt: Attempt): Promise<Answer> => {
    await guard.attempt(attempt)
    const said = await ask(portus, pair).catch(async (error: unknown) => {
      await guard.withdrawn(attempt)
      throw error
    })
    if (said === 'accepted') await guard.succeeded(attempt)
    return said
  }
  return (pair, attempt) => {
    const key = createHash('sha256').update(pair).digest('base64')
    const known = kept.get(key)
    // a clock that is set back keeps nothing for longer than it was meant to be kept
    if (known && known.until > now() && known.until <= now() + keptMs.accepted) return known.answer
    const answer = guarded(pair, attempt)
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

async function ask(portus: HttpPlace, pair: string): Promise<Answer> {
  const asker = makeAsker(portus, { 'portus-auth': pair }, limits)
  try {
    const { body } = await asker.get('/api/v1/namespaces/validate', { name: 'drydock' }, new AbortController().signal)
    if (Validated.safeParse(body).success) return 'accepted'
    throw new AccessError('portus-failed', 'Portus was asked who somebody is, and answers something else')
  } catch (error) {
    if (error instanceof SourceError && (error.code === 'unauthorized' || error.code === 'forbidden')) return 'refused'
    if (error instanceof AccessError) throw error
    throw new AccessError('portus-failed', 'Portus does not say whether it knows this token', error)
  } finally {
    asker.close()
  }
}

/**
 * The person whom Portus knows by this header; null where it refuses, or they are not known and enabled here. Portus compares names as
 * its database does, where "Alice" may be "alice": so a name counts only while nobody else here has it but for capitals. Anybody may take
 * a free name in Portus: where a Portus is a source of people, read well or not yet, a name counts only if that said it, and as an admin only if
 * that said so.
 */
export async function portusPrincipal(
  d: Pick<Deps, 'sql' | 'config'>,
  check: PortusCheck,
  pair: string,
  address: string,
): Promise<Principal | null> {
  const name = UserName.safeParse(header.exec(pair)?.[1]).data
  if (name === undefined) return null
  // also before a worker made their rows
  const sources = d.config.peopleSources.filter(({ kind }) => kind.startsWith('portus-')).map((source) => source.name)
  const people = await d.sql<{ name: string; admin: boolean; enabled: boolean; said: boolean }[]>`
    with portus as (select name from people_source where kind like 'portus-%' union select unnest(${sources}::text[]))
    select p.name, p.enabled, p.admin and coalesce(portus.admin, false) as admin,
      portus.admin is not null or not exists (select from portus) as said
    from person p cross join lateral (
      select bool_or(s.admin) as admin from person_said s where s.name = p.name and s.source in (select name from portus)) portus
    where lower(p.name) = lower(${name}) limit 2`
  const [found] = people
  if (people.length !== 1 || found?.name !== name || !found.enabled || !found.said) return null
  if ((await check(pair, { name, address })) === 'refused') return null
  return { name, via: 'portus', admin: found.admin, scopes: [] }
}
