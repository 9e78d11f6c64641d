/**
 * in: people who have shown who they are to a browser. out: sessions, each known by a random cookie.
 * guarantees: only the sha256 of the cookie is stored; a session ends when it is idle or old, with its person, with their password, and when
 * they say so.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Deps } from '../deps.ts'
import { AccessError } from './access-error.ts'
import type { Principal } from './principal.ts'

const [minute, hour] = [60_000, 3_600_000]
/** Milliseconds without a request, and since it began. */
export const sessionLife = { idle: 12 * hour, whole: 7 * 24 * hour }

const pattern = /^[A-Za-z0-9_-]{43}$/
export const sessionHash = (value: string): string => createHash('sha256').update(value).digest('hex')

/** How a session begins that no provider vouches for. */
const byPassword = 'password'

type Needs = Pick<Deps, 'sql' | 'clock'>
/**
 * `via`: "password" or the issuer. `subject`: whom the issuer named; null where a session goes on in a new one. `admin`: by the provider's
 * groups. `phc`: the password that was right, where it was one.
 */
export type NewSession = { user: string; via: string; subject: string | null; admin: boolean; phc: string | null }

/**
 * Begins one, and answers its cookie's value. Error: `unauthorized`, where at this moment the person was disabled, the password changed, or they
 * were untied from their provider: each is locked until the session is there, so that whoever ends sessions ends this one too.
 */
export async function startSession(d: Needs, { user, via, subject, admin, phc }: NewSession): Promise<string> {
  const value = randomBytes(32).toString('base64url')
  const now = d.clock()
  const made = await d.sql.begin(async (tx) => {
    if (phc !== null) {
      const [same] = await tx`select 1 from password where user_name = ${user} and phc = ${phc} for share`
      if (!same) return false
    }
    if (via !== byPassword) {
      const [tied] = await tx`
        select 1 from identity
        where issuer = ${via} and user_name = ${user} and (${subject}::text is null or subject = ${subject}) for share`
      if (!tied) return false
    }
    const { count } = await tx`
      insert into session (hash, user_name, via, admin, created_at, last_used_at, expires_at)
      select ${sessionHash(value)}, p.name, ${via}, ${admin}, ${now}, ${now}, ${new Date(now.getTime() + sessionLife.whole)}
      from person p where p.name = ${user} and p.enabled for share`
    return count > 0
  })
  if (!made) throw new AccessError('unauthorized', 'this person is not let in')
  return value
}

/** Whose session it is; null where it is none that holds. Its use is noted to the minute. */
export async function sessionPrincipal(d: Needs, value: string): Promise<Principal | null> {
  if (!pattern.test(value)) return null
  const now = d.clock()
  const hash = sessionHash(value)
  const [found] = await d.sql<{ name: string; admin: boolean; lastUsedAt: Date }[]>`
    select p.name, p.admin or s.admin as admin, s.last_used_at from session s join person p on p.name = s.user_name
    where s.hash = ${hash} and s.expires_at > ${now} and s.last_used_at > ${idleSince(now)} and p.enabled`
  if (!found) return null
  if (now.getTime() - found.lastUsedAt.getTime() >= minute)
    await d.sql`update session set last_used_at = ${now} where hash = ${hash} and last_used_at < ${now}`
  return { name: found.name, via: 'session', admin: found.admin, scopes: [] }
}

const idleSince = (now: Date): Date => new Date(now.getTime() - sessionLife.idle)

export type SessionView = { hash: string; via: string; createdAt: Date; lastUsedAt: Date }

/** A person's, the one used last first. */
export const listSessions = (d: Needs, user: string): Promise<SessionView[]> => d.sql<SessionView[]>`
  select hash, via, created_at, last_used_at from session
  where user_name = ${user} and expires_at > ${d.clock()} and last_used_at > ${idleSince(d.clock())}
  order by last_used_at desc, hash limit 100`

/** Ends one, or every other one, of a person. Answers how many. */
export async function endSessions(d: Needs, user: string, which: { only: string } | { but: string }): Promise<number> {
  const { count } =
    'only' in which
      ? await d.sql`delete from session where user_name = ${user} and hash = ${which.only}`
      : await d.sql`delete from session where user_name = ${user} and hash <> ${which.but}`
  return count
}

/** Deletes what opens nothing any more. */
export async function sweepSessions(d: Needs): Promise<void> {
  const now = d.clock()
  await d.sql`
    delete from session s using person p where p.name = s.user_name
      and (s.expires_at <= ${now} or s.last_used_at <= ${idleSince(now)} or not p.enabled)`
}
