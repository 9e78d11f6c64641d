import type { IncomingMessage } from 'node:http'
import { parseCookie, stringifySetCookie } from 'cookie'
import type { Deps } from '../deps.ts'
import { AccessError } from './access-error.ts'
import type { Authenticator } from './authenticate.ts'
import { nobody } from './principal.ts'
import { sessionPrincipal } from './sessions.ts'

export const sessionCookie = 'drydock_session'

/** The value of one of a request's cookies; null without it. */
export const cookieOf = ({ headers }: IncomingMessage, name: string): string | null =>
  parseCookie(headers.cookie ?? '')[name] || null

/** The header that sets a cookie, or (value null) takes it away: no script reads it, no other site sends it along but by a link. */
export const setCookie = (
  { config }: Pick<Deps, 'config'>,
  name: string,
  value: string | null,
  { path = '/', maxAge }: { path?: string; maxAge?: number } = {},
): string =>
  stringifySetCookie({
    ...{ name, value: value ?? '', path, httpOnly: true, sameSite: 'lax' },
    secure: config.publicUrl.startsWith('https://'),
    ...(value === null ? { maxAge: 0 } : maxAge === undefined ? {} : { maxAge }),
  })

/**
 * Whether a browser says that one of our own pages asks: by Sec-Fetch-Site, which no page can set (https://www.w3.org/TR/fetch-metadata/),
 * or, where it sends none, by its Origin. What says neither is none of ours.
 */
export function isFromOurPages({ headers }: IncomingMessage, publicUrl: string): boolean {
  const site = headers['sec-fetch-site']
  return site === undefined ? headers.origin === new URL(publicUrl).origin : site === 'same-origin'
}

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * The cookie of a session. What changes something must come from our own pages. A browser sends it along until it is told otherwise: one
 * that is of no session any more is nobody's, who is let in where everybody is.
 */
export const bySession: Authenticator = {
  refused: 'you are not signed in any more',
  shows: (request) => cookieOf(request, sessionCookie) !== null,
  async find(d, request) {
    if (!safe.has(request.method ?? '') && !isFromOurPages(request, d.config.publicUrl))
      throw new AccessError('forbidden', `signed in, this is asked from the pages at ${d.config.publicUrl} alone`)
    return (await sessionPrincipal(d, cookieOf(request, sessionCookie) ?? '')) ?? nobody
  },
}
