/**
 * in: a request's headers. out: on whose behalf it comes.
 * guarantees: what is shown and is not right is refused, never taken for nothing; who shows two things at once is told so.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Deps } from '../deps.ts'
import type { HttpPlace } from '../people-settings.ts'
import { AccessError } from './access-error.ts'
import { principalOf } from './api-tokens.ts'
import { makePortusCheck, portusPrincipal } from './portus-auth.ts'
import { bootstrap, nobody, type Principal } from './principal.ts'
import { bySession } from './session-cookie.ts'

/**
 * One way to show who one is. `shows`: the request has something of this kind; `find`: whose it is, null where it is not right. A
 * request that changes something and comes by what a browser sends by itself (a cookie) is to be refused by `find` unless its
 * Origin is our own.
 */
export type Authenticator = {
  /** what is told where it is not right: the same, whatever is wrong with it */
  refused: string
  shows(request: Asking): boolean
  find(d: Deps, request: Asking): Promise<Principal | null>
}
/** `ip`: from where, as Express finds it out behind proxies. */
export type Asking = IncomingMessage & { ip?: string | undefined }

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Whether `Authorization: Bearer …` shows this very token, compared in constant time. */
export const showsToken = (authorization: string | undefined, wanted: string): boolean => {
  const token = bearerToken(authorization)
  return token !== '' && timingSafeEqual(hash(token), hash(wanted))
}

const bearerToken = (authorization: string | undefined): string =>
  /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? ''

/** The bootstrap token, and API tokens. */
const bearer: Authenticator = {
  refused:
    'the API token is not valid: there is none like it, or it was revoked or has expired (Authorization: Bearer …)',
  shows: (request) => request.headers.authorization !== undefined,
  find: async (d, { headers }) =>
    showsToken(headers.authorization, d.config.adminToken)
      ? bootstrap
      : principalOf(d, bearerToken(headers.authorization)),
}

/** `Portus-Auth: user:token`, where a Portus is configured that can be asked. */
function portusAuth(portus: HttpPlace): Authenticator {
  const check = makePortusCheck(portus)
  return {
    refused: 'the Portus token is not valid, or is of nobody who is known and enabled here (Portus-Auth: user:token)',
    shows: (request) => request.headers['portus-auth'] !== undefined,
    find: (d, request) => portusPrincipal(d, check, String(request.headers['portus-auth']), request.ip ?? ''),
  }
}

/** Every way there is in this installation. */
export const authenticators = ({ portus }: Pick<Deps['config'], 'portus'>): Authenticator[] => [
  bearer,
  bySession,
  ...(portus === null ? [] : [portusAuth(portus)]),
]

/** Who asks; `nobody` where nothing is shown. AccessError: `unauthorized`, `two-credentials`, `portus-failed`, `too-many-attempts`. */
export async function authenticate(d: Deps, ways: readonly Authenticator[], request: Asking): Promise<Principal> {
  const [shown, another] = ways.filter((way) => way.shows(request))
  if (!shown) return nobody
  if (another) throw new AccessError('two-credentials', 'show one thing that says who you are, not several')
  const found = await shown.find(d, request)
  if (found === null) throw new AccessError('unauthorized', shown.refused)
  return found
}

const wanted = 'an API token is wanted (Authorization: Bearer …), or that you are signed in'

/** For calls that are not open, by whoever shows nothing. */
export const unauthorized = (): AccessError => new AccessError('unauthorized', wanted)
