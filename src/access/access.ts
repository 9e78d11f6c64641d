/**
 * in: a principal, what a route needs, and how the principal stands to the namespaces it is about.
 * out: passed, hidden (as if it were not there) or forbidden.
 * guarantees: pure; what is not clearly allowed is not; nobody learns of a namespace they may not read, not even by a refusal.
 */
import type { Principal } from './principal.ts'
import { type Level, scopesAllow } from './scopes.ts'

/** Of a namespace: who must be what to pass. */
export const namespaceNeeds = ['read', 'build', 'recipe', 'manage'] as const
export type NamespaceNeed = (typeof namespaceNeeds)[number]

/**
 * What a route needs. open: nothing. person: anybody known; the handler answers of what they may read alone. self: a person, for what is
 * their own. builder: the token of a build service.
 */
export const plainNeeds = ['open', 'person', 'self', 'admin', 'builder'] as const
export type PlainNeed = (typeof plainNeeds)[number]
export type Need = NamespaceNeed | PlainNeed

/** A namespace's key; null: of no namespace (a base outside, the whole installation), which everybody reads and admins change. */
export type Key = string | null

/** How a principal stands to a namespace. Where it is not known at all: `{role: null, visibility: null}`. */
export type Standing = {
  role: 'viewer' | 'contributor' | 'owner' | null
  visibility: 'private' | 'protected' | 'public' | null
}
export type Verdict = 'pass' | 'hidden' | 'forbidden'

const roles = ['viewer', 'contributor', 'owner'] as const
const roleFor = { read: 'viewer', build: 'contributor', recipe: 'contributor', manage: 'owner' } as const
const levelFor = { read: 'read', build: 'build', recipe: 'manage', manage: 'manage' } as const

/** A GET takes no more than the scope `read`, whatever role it needs. */
export const levelOf = (need: Need, method: string): Level => {
  if (method === 'get' || need === 'open' || need === 'person' || need === 'self') return 'read'
  return need === 'admin' || need === 'builder' ? 'admin' : levelFor[need]
}

/** Whether the principal may read a namespace: everybody what is public, everybody known what is protected, members what is private. */
export function mayRead(principal: Principal, key: Key, standing: Standing): boolean {
  if (!scopesAllow(principal.scopes, 'read', key)) return key === null
  if (principal.admin || key === null || standing.visibility === 'public') return true
  if (principal.via === 'nobody') return false
  return standing.visibility === 'protected' || standing.role !== null
}

/** Whether the principal may do in a namespace what needs this. `level`: see levelOf. */
export function mayIn(principal: Principal, need: NamespaceNeed, key: Key, standing: Standing, level: Level): boolean {
  if (!mayRead(principal, key, standing)) return false
  if (need === 'read') return true
  if (!scopesAllow(principal.scopes, level, key)) return false
  if (principal.admin) return true
  return key !== null && standing.role !== null && roles.indexOf(standing.role) >= roles.indexOf(roleFor[need])
}

/**
 * Of a call about several namespaces: hidden where none of them may be read (or there are none: what was asked for is not there);
 * else a reader passes, and who changes something must be allowed to in all.
 */
export function judge(
  principal: Principal,
  need: NamespaceNeed,
  level: Level,
  keys: readonly Key[],
  standing: (key: string) => Standing,
): Verdict {
  const of = (key: Key) => (key === null ? { role: null, visibility: null } : standing(key))
  if (!keys.some((key) => mayRead(principal, key, of(key)))) return 'hidden'
  if (need === 'read') return 'pass'
  return keys.every((key) => mayIn(principal, need, key, of(key), level)) ? 'pass' : 'forbidden'
}

/** Of a call that is about no namespace. */
export function judgePlain(principal: Principal, need: PlainNeed, level: Level): Verdict {
  if (need === 'open') return 'pass'
  if (need === 'builder') return principal.via === 'builder' ? 'pass' : 'forbidden'
  if (principal.via === 'nobody') return 'forbidden'
  if (need === 'admin') return principal.admin && scopesAllow(principal.scopes, level, null) ? 'pass' : 'forbidden'
  return 'pass'
}
