import { z } from 'zod'
import { parseJson } from '../oci/manifest.ts'
import { type Answer, type Ask, place } from './exchange.ts'
import { follow } from './follow.ts'
import { isLoopback } from './loopback.ts'
import { type Challenge, parseChallenges } from './parse-challenges.ts'
import { codeOfStatus, RegistryError } from './registry-error.ts'
import { parseRetryAfter } from './retry.ts'
import { type Token, TokenCache } from './token-cache.ts'

export type Credentials = { username: string; password: string }

/** How a registry is logged in to. Scopes as `repository:lib/base:pull`. */
export type Authorizer = {
  /** the `Authorization` header to send at once, or null where none is known */
  known: (scopes: readonly string[]) => string | null
  /** the header to send after a 401 to `refused` (what was sent before), or an error `unauthorized` */
  answer: (challenges: string, scopes: readonly string[], refused: string | null) => Promise<string>
}

const TokenAnswer = z.object({
  token: z.string().min(1).optional(),
  access_token: z.string().min(1).optional(),
  expires_in: z.number().positive().optional().catch(undefined),
})

const tokenBytes = 1024 * 1024
/** Seconds a token is good for where nothing is said. https://distribution.github.io/distribution/spec/auth/token/#token-response-fields */
const defaultLife = 60

type Options = {
  registry: URL
  credentials: Credentials | null
  /** the password may go over plain http, or to an unverified certificate */
  insecure: boolean
  send: (ask: Ask) => Promise<Answer>
}

/**
 * Logs in as the registry's 401 says: Bearer with a token from its token service, else Basic. Tokens are kept by scope until shortly
 * before they end; callers who want the same token wait for one request.
 */
export function makeAuthorizer({ registry, credentials, insecure, send }: Options): Authorizer {
  const tokens = new TokenCache()
  const asking = new Map<string, Promise<string>>()
  const basic =
    credentials && `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
  let basicWanted = false

  async function fetchToken(challenge: Challenge, scopes: readonly string[], key: string): Promise<string> {
    const realm = URL.parse(challenge.parameters.realm ?? '')
    if (!realm || !/^https?:$/.test(realm.protocol))
      throw new RegistryError('unauthorized', `${registry.host}: its challenge names no token service`)
    const plain = insecure || registry.protocol === 'http:'
    if (basic && realm.protocol === 'http:' && !plain && !isLoopback(realm))
      throw new RegistryError('unauthorized', `${place(realm)}: the password is not sent over plain http`)
    const { service } = challenge.parameters
    if (service !== undefined) realm.searchParams.set('service', service)
    for (const scope of scopes) realm.searchParams.append('scope', scope)
    if (credentials) realm.searchParams.set('account', credentials.username)
    const headers: Record<string, string> = basic ? { authorization: basic } : {}
    const answer = await follow(send, { method: 'GET', url: realm, headers, maxBytes: tokenBytes }, plain)
    const token = readToken(answer, realm)
    tokens.set(key, token)
    return `Bearer ${token.value}`
  }

  return {
    known(scopes) {
      const token = tokens.get(keyOf(scopes), Date.now())
      return token === null ? (basicWanted ? basic : null) : `Bearer ${token}`
    },
    async answer(header, wanted, refused) {
      const challenges = parseChallenges(header)
      const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
      if (!bearer) {
        const asked = challenges.some(({ scheme }) => scheme === 'basic')
        if (!asked || !basic || refused === basic)
          throw new RegistryError('unauthorized', `${registry.host}: ${whyNot(challenges, basic !== null, asked)}`)
        basicWanted = true
        return basic
      }
      const key = keyOf(wanted)
      const token = tokens.get(key, Date.now())
      if (token !== null && `Bearer ${token}` !== refused) return `Bearer ${token}`
      tokens.delete(key)
      const running = asking.get(key) ?? fetchToken(bearer, scopesFor(bearer, wanted), key)
      asking.set(key, running)
      return running.finally(() => asking.delete(key))
    },
  }
}

const keyOf = (scopes: readonly string[]): string => [...scopes].sort().join(' ')

/** What the challenge asks for, and what we want besides: of two repositories in a mount some registries name one. */
function scopesFor(challenge: Challenge, wanted: readonly string[]): string[] {
  const asked = (challenge.parameters.scope ?? '').split(' ').filter(Boolean)
  const resource = (scope: string) => scope.slice(0, scope.lastIndexOf(':'))
  const covered = new Set(asked.map(resource))
  return [...asked, ...wanted.filter((scope) => !covered.has(resource(scope)))]
}

function whyNot(challenges: readonly Challenge[], hasPassword: boolean, basicAsked: boolean): string {
  if (challenges.length === 0) return 'refused, and does not say how to log in'
  if (!basicAsked) return `wants ${challenges.map(({ scheme }) => scheme).join(' or ')}, which is not spoken here`
  return hasPassword ? 'refused username and password' : 'wants username and password, and none are configured'
}

/** Not that of the registry: 404 here is no absence of anything asked for. */
function readToken({ status, headers, bytes }: Answer, realm: URL): Token {
  if (status !== 200) {
    const retryAfter = parseRetryAfter(headers['retry-after'], new Date())
    throw new RegistryError(codeOfStatus(status), `${place(realm)}: the token service answered ${status}`, {
      retryAfter,
    })
  }
  const parsed = TokenAnswer.safeParse(parseJson(bytes))
  const value = parsed.data?.token ?? parsed.data?.access_token
  if (value === undefined) throw new RegistryError('bad-response', `${place(realm)}: no token in the answer`)
  const life = parsed.data?.expires_in ?? defaultLife
  return { value, endsAt: Date.now() + (life - Math.min(10, life / 5)) * 1000 }
}
