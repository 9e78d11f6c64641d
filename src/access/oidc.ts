/**
 * in: a provider's settings, and browsers on their way to it and back. out: where to send them, and what the provider says of whom.
 * guarantees: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 9700); nothing is asked of the provider before
 * somebody wants to sign in, so that it may be away.
 */
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientSecretBasic,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client'
import { z } from 'zod'
import { oneLine } from '../people/person.ts'
import type { OidcConfig } from '../sign-in-settings.ts'
import { OidcError } from './oidc-error.ts'

const timeoutSeconds = 10
/** A provider's addresses are asked for anew after this. */
const keptMs = 3_600_000

/** What the browser holds, sealed, until it comes back. */
export const OidcFlow = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), next: z.string() })
export type OidcFlow = z.infer<typeof OidcFlow>

/** What the provider says of who signed in. `name` null: it does not say the claim. `email`: only one that it has verified. */
export type OidcClaims = {
  subject: string
  name: string | null
  displayName: string | null
  email: string | null
  admin: boolean
}

export type Oidc = {
  start(next: string): Promise<{ url: string; flow: OidcFlow }>
  /** `query`: of the address that the browser came back to. Throws an OidcError. */
  finish(query: URLSearchParams, flow: OidcFlow): Promise<OidcClaims>
}

export function makeOidc(config: OidcConfig, callback: string, now: () => number = Date.now): Oidc {
  let found: { at: number; provider: Promise<Configuration> } | null = null
  const provider = (): Promise<Configuration> => {
    if (found && now() - found.at < keptMs && now() >= found.at) return found.provider
    const entry = { at: now(), provider: discovered(config) }
    found = entry
    entry.provider.catch(() => {
      if (found === entry) found = null
    })
    return entry.provider
  }
  return {
    start: (next) =>
      told(async () => {
        const flow = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier(), next }
        const url = buildAuthorizationUrl(await provider(), {
          redirect_uri: callback,
          scope: config.scopes.join(' '),
          code_challenge: await calculatePKCECodeChallenge(flow.verifier),
          code_challenge_method: 'S256',
          ...{ state: flow.state, nonce: flow.nonce },
        })
        return { url: url.href, flow }
      }),
    finish: (query, flow) =>
      told(async () => {
        const server = await provider()
        const tokens = await authorizationCodeGrant(server, new URL(`${callback}?${query}`), {
          ...{ pkceCodeVerifier: flow.verifier, expectedState: flow.state, expectedNonce: flow.nonce },
          idTokenExpected: true,
        })
        const inToken = tokens.claims()
        if (!inToken) throw new OidcError('oidc-odd', 'the provider sent no ID token')
        const wanted = [config.usernameClaim, ...(config.adminGroup === null ? [] : [config.groupsClaim])]
        const enough = wanted.every((claim) => inToken[claim] !== undefined)
        const more =
          enough || !server.serverMetadata().userinfo_endpoint
            ? {}
            : await fetchUserInfo(server, tokens.access_token, inToken.sub)
        return claimsOf(config, { ...more, ...inToken })
      }),
  }
}

async function discovered({ issuer, clientId, clientSecret }: OidcConfig): Promise<Configuration> {
  // the settings let plain http through on loopback alone
  const plain = issuer.startsWith('http:')
  const authentication = clientSecret === null ? None() : ClientSecretBasic(clientSecret)
  const server = await discovery(new URL(issuer), clientId, undefined, authentication, {
    timeout: timeoutSeconds,
    execute: [enableNonRepudiationChecks, ...(plain ? [allowInsecureRequests] : [])],
  })
  const { authorization_endpoint, token_endpoint, jwks_uri } = server.serverMetadata()
  for (const [name, address] of Object.entries({ authorization_endpoint, token_endpoint, jwks_uri }))
    if (!isWebAddress(address, plain))
      throw new OidcError('oidc-odd', `the provider does not say where it is to be asked (${name})`)
  return server
}

const isWebAddress = (address: string | undefined, plain: boolean): boolean => {
  const scheme = address !== undefined && URL.parse(address)?.protocol
  return scheme === 'https:' || (plain && scheme === 'http:')
}

/** Core 1.0, 2 (`sub`): at most 255 characters. */
const Subject = z.string().min(1).max(255).regex(oneLine)

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

function claimsOf(config: OidcConfig, claims: { sub: string; [claim: string]: unknown }): OidcClaims {
  const subject = Subject.safeParse(claims.sub).data
  if (subject === undefined) throw new OidcError('oidc-odd', 'the provider says no subject that may be one')
  const groups = claims[config.groupsClaim]
  return {
    subject,
    name: text(claims[config.usernameClaim]),
    displayName: text(claims.name),
    email: claims.email_verified === true ? text(claims.email) : null,
    admin: config.adminGroup !== null && Array.isArray(groups) && groups.includes(config.adminGroup),
  }
}

/** What went wrong, in words for whoever waits at a browser; what the provider wrote is the log's alone, but for its short code. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof OidcError) throw error
    if (error instanceof AuthorizationResponseError) {
      const code = /^[a-z_]{1,50}$/.test(error.error) ? ` (${error.error})` : ''
      throw new OidcError('oidc-refused', `the provider let nobody in${code}`, error)
    }
    if (isAway(error)) throw new OidcError('oidc-unreachable', 'the provider does not answer', error)
    throw new OidcError('oidc-odd', 'what the provider answered is not as it should be', error)
  }
}

const networkCode =
  /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|ETIMEDOUT|UND_ERR_|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|ERR_TLS)|TIMEOUT/

/** Nobody answers there, or not in time, or only with an error of its own; not: somebody does, and wrongly. */
function isAway(error: unknown): boolean {
  for (let at = error; typeof at === 'object' && at !== null; at = 'cause' in at ? at.cause : null) {
    if ('code' in at && networkCode.test(String(at.code))) return true
    if ('status' in at && Number(at.status) >= 500) return true
  }
  return false
}
