import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { RegistryConfig } from '../registry/registries.ts'

/** Who pushes for Pub/Sub, and to whom its tokens speak, as a registry's `webhook.google` says. */
export type GoogleSubscription = NonNullable<NonNullable<RegistryConfig['webhook']>['google']>

/** What makes a token one that nobody need be asked about again. */
const refusals = [
  errors.JWTClaimValidationFailed,
  errors.JWTExpired,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JWKSNoMatchingKey,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
]

/** Seconds that clocks may differ. */
const tolerance = 60

/**
 * Whether a bearer token is Google's word that this subscription's service account speaks to this audience. Rejects with a
 * GoogleKeysError where Google's keys are not to be had: that says nothing of the token. Keys are kept for as long as jose does.
 * https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
 */
export function googleIdentity(): (token: string, expected: GoogleSubscription, now: Date) => Promise<boolean> {
  const keys = new Map<string, JWTVerifyGetKey>()
  const keysAt = (url: string): JWTVerifyGetKey => {
    const known = keys.get(url) ?? createRemoteJWKSet(new URL(url), { timeoutDuration: 4000 })
    keys.set(url, known)
    return known
  }
  return async (token, { serviceAccount, audience, issuer, keysUrl }, now) => {
    try {
      const { payload } = await jwtVerify(token, keysAt(keysUrl), {
        ...{ issuer, audience, algorithms: ['RS256'], currentDate: now, clockTolerance: tolerance },
        requiredClaims: ['exp', 'iat', 'email'],
      })
      return payload.email === serviceAccount && payload.email_verified === true
    } catch (error) {
      if (refusals.some((refusal) => error instanceof refusal)) return false
      throw new GoogleKeysError(keysUrl, error)
    }
  }
}

/** Nobody could tell whether the token is right. */
class GoogleKeysError extends Error {
  readonly code = 'google-keys'
  readonly retryable = true
  constructor(url: string, cause: unknown) {
    super(`the keys at ${url} are not to be had`, { cause })
  }
}
