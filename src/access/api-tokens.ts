import { createHash, randomBytes } from 'node:crypto'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { AccessError } from './access-error.ts'
import { type Principal, tokenIdOf } from './principal.ts'
import { scopesAllow, scopesWithin } from './scopes.ts'

/** A token as it is shown: never the token itself. */
export type TokenView = {
  id: string
  user: string
  name: string
  scopes: string[]
  createdAt: Date
  expiresAt: Date | null
  lastUsedAt: Date | null
}
export type NewToken = { user: string; name: string; scopes: string[]; expiresAt: Date | null }

/** `ddk_` and 256 bits: whatever finds it in a text can tell what it is. */
const pattern = /^ddk_[A-Za-z0-9_-]{43}$/
const minute = 60_000

/** A fast hash is enough: nobody guesses 256 random bits, and what is looked up by it says nothing of the token. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
export const isApiToken = (token: string): boolean => pattern.test(token)

const columns = (sql: Deps['sql']) => sql`id, user_name as user, name, scopes, created_at, expires_at, last_used_at`

/**
 * Whose token this is; null where it is none that may be used: unknown, revoked, expired, its person disabled. One statement, and, once a
 * minute at most, another that says when it was used.
 */
export async function principalOf(d: Pick<Deps, 'sql' | 'clock'>, token: string): Promise<Principal | null> {
  if (!isApiToken(token)) return null
  const now = d.clock()
  const [found] = await d.sql<
    { id: string; name: string; admin: boolean; scopes: string[]; lastUsedAt: Date | null }[]
  >`
    select t.id, p.name, p.admin, t.scopes, t.last_used_at from token t join person p on p.name = t.user_name
    where t.hash = ${hashOf(token)} and t.revoked_at is null and (t.expires_at is null or t.expires_at > ${now}) and p.enabled`
  if (!found) return null
  const thisMinute = new Date(Math.floor(now.getTime() / minute) * minute)
  if (found.lastUsedAt === null || found.lastUsedAt < thisMinute)
    await d.sql`
      update token set last_used_at = ${thisMinute} where id = ${found.id} and (last_used_at is null or last_used_at < ${thisMinute})`
  return { name: found.name, via: `token:${found.id}`, admin: found.admin, scopes: found.scopes }
}

/**
 * Makes a token and answers it, this once. For oneself, or, by an admin, for anybody who is known and enabled. What a token makes
 * goes no further than that token, does not outlive it, and is revoked with it.
 */
export async function makeToken(
  d: Pick<Deps, 'sql' | 'clock'>,
  by: Principal,
  wanted: NewToken,
): Promise<TokenView & { token: string }> {
  if (wanted.user !== by.name && !(by.admin && scopesAllow(by.scopes, 'admin', null)))
    throw new AccessError('forbidden', 'a token for somebody else is an admin’s to make')
  if (!scopesWithin(wanted.scopes, by.scopes))
    throw new AccessError('forbidden', 'a token makes none that may do more than itself')
  const token = `ddk_${randomBytes(32).toString('base64url')}`
  return d.sql.begin(async (tx) => {
    const own = tokenIdOf(by)
    const [parent] =
      own === null
        ? []
        : await tx<{ expiresAt: Date | null }[]>`
      select expires_at from token where id = ${own} and revoked_at is null for share`
    if (own !== null && !parent) throw new AccessError('unauthorized', 'the token was revoked')
    const latest = parent?.expiresAt ?? null
    if (latest !== null && (wanted.expiresAt === null || wanted.expiresAt > latest))
      throw new AccessError('forbidden', 'a token makes none that outlives it: say an earlier expiresAt')
    const [made] = await tx<TokenView[]>`
      insert into token (user_name, name, hash, scopes, created_at, expires_at, made_by)
      select p.name, ${wanted.name}, ${hashOf(token)}, ${wanted.scopes}, ${d.clock()}, ${wanted.expiresAt}, ${own}::uuid
      from person p where p.name = ${wanted.user} and p.enabled for share
      returning ${columns(d.sql)}`
    if (!made) throw new AccessError('no-such-user', `no user "${wanted.user}" who is enabled`)
    return { ...made, token }
  })
}

/**
 * Tokens that are not revoked, of one person or (null) of all; those after `after`, by age. `within`: this token and what was made with it
 * alone, for one that is narrowed to namespaces, and must not learn of others from what they are for.
 */
export const listTokens = (
  d: Pick<Deps, 'sql'>,
  {
    user,
    within = null,
    after,
    limit,
  }: { user: string | null; within?: string | null; after: readonly [string, string] | null; limit: number },
): Promise<TokenView[]> => d.sql<TokenView[]>`
  select ${columns(d.sql)} from token
  where revoked_at is null and (${user}::text is null or user_name = ${user})
    and (${within}::uuid is null or id = ${within} or made_by = ${within})
    and (${after === null} or (created_at, id) < (${after?.[0] ?? '1970-01-01T00:00:00Z'}::timestamptz, ${after?.[1] ?? null}::uuid))
  order by created_at desc, id desc limit ${limit}`

/**
 * False where there is none of that id, or (`user` not null) it is somebody else's. From then on it opens nothing, nor does what was made
 * with it, whoever's that is.
 */
export const revokeToken = (d: Pick<Deps, 'sql' | 'clock'>, id: string, user: string | null): Promise<boolean> =>
  d.sql.begin(async (tx) => {
    const [own] = await tx<{ id: string }[]>`
      update token set revoked_at = ${d.clock()}
      where id = ${id} and revoked_at is null and (${user}::text is null or user_name = ${user}) returning id`
    await revokeTokens(tx, own ? [own] : [])
    return own !== undefined
  })

/**
 * Revokes what was made with these, which are revoked already: generation by generation, since one that is just being made is there only
 * when its maker's row is free.
 */
export async function revokeTokens(tx: Tx, makers: readonly { id: string }[]): Promise<void> {
  if (makers.length === 0) return
  const made = await tx<{ id: string }[]>`
    update token set revoked_at = coalesce(revoked_at, now()) where made_by in (select unnest(${makers.map(({ id }) => id)}::uuid[])) returning id`
  await revokeTokens(tx, made)
}
