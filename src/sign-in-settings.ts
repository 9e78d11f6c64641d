/**
 * in: `oidc` and `signIn` of DRYDOCK_CONFIG. out: the OpenID provider that people sign in with, and whose word on addresses is taken.
 * guarantees: every fault is told with its place; no provider is asked without TLS but on loopback.
 */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { isLoopback } from './registry/loopback.ts'
import type { Read } from './registry-settings.ts'

const line = z.string('must be text').trim().min(1, 'must not be empty').max(2000)
const range = line.refine(
  (text) => /^(loopback|linklocal|uniquelocal)$/.test(text) || ipaddr.isValid(text) || ipaddr.isValidCIDR(text),
  'must be an address, a network such as 10.0.0.0/8, or loopback, linklocal, uniquelocal',
)

/** `oidc` of the file. */
export const Oidc = z.strictObject({
  issuer: line,
  clientId: line,
  clientSecret: line.optional(),
  clientSecretFile: line.optional(),
  usernameClaim: line
    .refine((claim) => claim !== 'email', 'an e-mail address is nothing to find a person by: name another claim')
    .default('preferred_username'),
  groupsClaim: line.default('groups'),
  adminGroup: line.optional(),
  autoCreate: z.boolean('must be true or false').default(false),
  scopes: z.array(line.regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'is no scope')).default(['profile']),
})
export type Oidc = z.infer<typeof Oidc>

/** `signIn` of the file. `trustedProxies`: whose X-Forwarded-For says where a request comes from. */
export const SignIn = z.strictObject({ trustedProxies: z.array(range).default(['loopback']) })
export type SignIn = z.infer<typeof SignIn>

/** `clientSecret` null: a public client. `adminGroup` null: nobody is an admin by their groups. */
export type OidcConfig = Readonly<{
  issuer: string
  clientId: string
  clientSecret: string | null
  usernameClaim: string
  groupsClaim: string
  adminGroup: string | null
  autoCreate: boolean
  scopes: readonly string[]
}>

/** The provider that is meant; null without one, or where a fault was told. */
export function oidcOf(said: Oidc | undefined, read: Read, fault: (text: string) => unknown): OidcConfig | null {
  if (!said) return null
  const { clientSecretFile, clientSecret, adminGroup, ...rest } = said
  const place = 'DRYDOCK_CONFIG: oidc'
  if (clientSecret !== undefined && clientSecretFile !== undefined)
    fault(`${place}: clientSecret and clientSecretFile are both set`)
  const secret = clientSecretFile === undefined ? clientSecret : read(`${place}: clientSecretFile`, clientSecretFile)
  const url = URL.parse(said.issuer)
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    fault(`${place}: issuer: must be an address that starts with https://`)
    return null
  }
  if (url.username || url.password || url.search || url.hash)
    fault(`${place}: issuer: must have no account and nothing after its path`)
  if (url.protocol === 'http:' && !isLoopback(url)) fault(`${place}: issuer: plain http is for loopback alone`)
  return Object.freeze({
    ...rest,
    clientSecret: secret ?? null,
    adminGroup: adminGroup ?? null,
    scopes: [...new Set(['openid', ...rest.scopes])],
  })
}
