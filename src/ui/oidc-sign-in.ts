/**
 * in: browsers on their way to the OpenID provider and back. out: sessions, or the page to sign in with what went wrong.
 * guarantees: whoever comes back is the browser that left, within ten minutes, once; what the provider wrote is shown to nobody.
 */
import { createHash } from 'node:crypto'
import express, { type Response, type Router } from 'express'
import { EncryptJWT, jwtDecrypt } from 'jose'
import { AccessError } from '../access/access-error.ts'
import { identifyPerson } from '../access/identify-person.ts'
import { makeOidc, type OidcClaims, OidcFlow } from '../access/oidc.ts'
import { OidcError } from '../access/oidc-error.ts'
import { cookieOf, setCookie } from '../access/session-cookie.ts'
import type { Deps } from '../deps.ts'
import { UserName } from '../people/person.ts'
import type { OidcConfig } from '../sign-in-settings.ts'
import { nextPlace } from './next-place.ts'
import { beginSession, showSignIn, writeRefused } from './sign-in.ts'
import { rootOf } from './visitor.ts'

const flowCookie = 'drydock_oidc'
const flowSeconds = 600

export function oidcRouter(d: Deps, config: OidcConfig): Router {
  const router = express.Router()
  const root = rootOf(d)
  const oidc = makeOidc(config, `${d.config.publicUrl}/auth/callback`)
  const seal = sealer(d)
  const path = `${root}/auth`
  router.get('/auth/start', async (request, response) => {
    const next = nextPlace(request.query.next)
    try {
      const { url, flow } = await oidc.start(next)
      response.append('set-cookie', setCookie(d, flowCookie, await seal.write(flow), { path, maxAge: flowSeconds }))
      response.set('cache-control', 'no-store').redirect(303, url)
    } catch (error) {
      refuse(d, response, error, next)
    }
  })
  router.get('/auth/callback', async (request, response) => {
    const flow = await seal.read(cookieOf(request, flowCookie))
    response.append('set-cookie', setCookie(d, flowCookie, null, { path }))
    try {
      if (!flow) throw new OidcError('oidc-lost', 'this sign-in took too long, or began in another browser: try again')
      const query = new URL(request.originalUrl, d.config.publicUrl).searchParams
      const claims = await oidc.finish(query, flow)
      const user = await identifyPerson(d, config, claims).catch(async (error: unknown) => {
        if (error instanceof OidcError)
          await writeRefused(d, response, { name: nameOf(claims), via: config.issuer, error: refused(error) })
        throw error
      })
      await beginSession(d, response, {
        user,
        via: config.issuer,
        subject: claims.subject,
        admin: claims.admin,
        phc: null,
      })
      response.redirect(303, root + nextPlace(flow.next))
    } catch (error) {
      refuse(d, response, error, nextPlace(flow?.next))
    }
  })
  return router
}

/** Empty where it can be nobody's: what no column holds is looked up in none. */
const nameOf = ({ name }: OidcClaims): string => UserName.safeParse(name).data ?? ''
const refused = (cause: OidcError): AccessError => new AccessError('unauthorized', cause.message, cause)

const statuses = { 'oidc-unreachable': 502, 'oidc-odd': 502, 'oidc-lost': 400, 'oidc-refused': 403, 'oidc-nobody': 403 }

/** The page to sign in, which says what went wrong: the password still works. */
function refuse(d: Deps, response: Response, error: unknown, next: string): void {
  const isRefused = error instanceof AccessError && error.code === 'unauthorized'
  if (isRefused) return void showSignIn(d, response, { next, status: 403, fault: error.message })
  if (!(error instanceof OidcError)) throw error
  d.log.warn({ code: error.code, err: { message: error.message, cause: causesOf(error) } }, 'nobody was signed in')
  showSignIn(d, response, { next, status: statuses[error.code], fault: `Not signed in: ${error.message}.` })
}

/** Names and words of what was behind an error, without what was sent or answered, in which there may be codes and tokens. */
function causesOf(error: Error): string[] {
  const causes: string[] = []
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    causes.push(`${at.name}: ${at.message}${typeof code === 'string' ? ` (${code})` : ''}`)
  }
  return causes
}

/** Seals what a browser keeps, under a key for this alone; it opens for ten minutes. */
function sealer({ vault }: Pick<Deps, 'vault'>) {
  const key = createHash('sha256').update(vault.sign('oidc flow', 'key')).digest()
  return {
    write: (flow: OidcFlow): Promise<string> =>
      new EncryptJWT({ flow })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setExpirationTime(`${flowSeconds}s`)
        .encrypt(key),
    async read(sealed: string | null): Promise<OidcFlow | null> {
      if (sealed === null) return null
      try {
        const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
        const { payload } = await jwtDecrypt(sealed, key, options)
        return OidcFlow.safeParse(payload.flow).data ?? null
      } catch {
        // changed, too old, or of another key: it is as if there were none
        return null
      }
    },
  }
}
