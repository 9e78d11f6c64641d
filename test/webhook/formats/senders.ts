import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { documented } from './documented.ts'

/** What a request carries besides its body. */
export type Shown = { headers: Record<string, string>; query: string }

/** How a vendor's registry is set up to send, and an example that it sends. `secret`: the registry's header token or its URL token. */
export type Sender = {
  format: string
  example: string
  /** of its example's images */
  host: string
  proof: 'header' | 'url' | 'signature' | 'identity'
  /** whether the vendor gives events ids of their own */
  ids: boolean
  show: (secret: string, body: string) => Shown | Promise<Shown>
}

const header = (name: string, value: (secret: string) => string) => (secret: string) => ({
  headers: { [name]: value(secret) },
  query: '',
})
const bearer = header('authorization', (secret) => `Bearer ${secret}`)
const basic = header('authorization', (secret) => `Basic ${Buffer.from(`drydock:${secret}`).toString('base64')}`)
const inUrl = (secret: string) => ({ headers: {}, query: `token=${encodeURIComponent(secret)}` })

export const senders: readonly Sender[] = [
  {
    format: 'harbor',
    example: 'harbor-push-tag',
    host: 'hub.harbor.com',
    proof: 'header',
    ids: false,
    show: header('authorization', (secret) => secret),
  },
  {
    format: 'harbor',
    example: 'harbor-delete-cloudevents',
    host: 'localhost:80',
    proof: 'header',
    ids: true,
    show: bearer,
  },
  { format: 'quay', example: 'quay-push', host: 'quay.io', proof: 'url', ids: false, show: inUrl },
  { format: 'dockerhub', example: 'dockerhub-push', host: 'docker.io', proof: 'url', ids: false, show: inUrl },
  { format: 'quay', example: 'quay-push', host: 'quay.io', proof: 'header', ids: false, show: bearer },
  { format: 'dockerhub', example: 'dockerhub-push', host: 'docker.io', proof: 'header', ids: false, show: bearer },
  {
    format: 'github',
    example: 'github-registry-package',
    host: 'ghcr.io',
    proof: 'signature',
    ids: true,
    show: (secret, body) => ({
      headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` },
      query: '',
    }),
  },
  {
    format: 'gitlab',
    example: 'gitlab-rename',
    host: 'registry.gitlab.test',
    proof: 'header',
    ids: true,
    show: header('authorization', (secret) => secret),
  },
  {
    format: 'gitlab',
    example: 'gitlab-rename',
    host: 'registry.gitlab.test',
    proof: 'header',
    ids: true,
    show: header('x-gitlab-token', (secret) => secret),
  },
  { format: 'zot', example: 'zot-updated', host: 'zot.test', proof: 'header', ids: true, show: bearer },
  { format: 'zot', example: 'zot-updated', host: 'zot.test', proof: 'header', ids: true, show: basic },
  { format: 'azure', example: 'azure-push', host: 'myregistry.azurecr.io', proof: 'header', ids: true, show: bearer },
  { format: 'azure', example: 'azure-grid-push', host: 'demo.azurecr.io', proof: 'url', ids: true, show: inUrl },
  {
    format: 'google',
    example: 'google-insert-tag',
    host: 'us-west1-docker.pkg.dev',
    proof: 'identity',
    ids: true,
    show: (email) => googleShows({ email }),
  },
  { format: 'portus', example: 'portus-push', host: 'localhost:5000', proof: 'header', ids: true, show: basic },
  { format: 'portus', example: 'portus-push-form', host: 'localhost:5000', proof: 'header', ids: true, show: basic },
]

/** With a name each, for tables of tests. */
export const named = senders.map(
  (sender) => [`${sender.format}, ${sender.example}, by ${sender.proof}`, sender] as const,
)

/** The example's headers and what the sender shows, with the example's body. */
export async function requestOf({ example, show }: Sender, secret: string): Promise<Shown & { body: string }> {
  const { headers, body } = documented(example)
  const text = JSON.stringify(body)
  const shown = await show(secret, text)
  return { headers: { ...headers, ...shown.headers }, query: shown.query, body: text }
}

export const googleIssuer = 'https://accounts.google.test'
export const googleAudience = 'https://drydock.test/v2/webhooks/events/google'

const keys = await generateKeyPair('RS256')
const others = await generateKeyPair('RS256')
const kid = 'key-1'

type Claims = {
  email?: string
  verified?: boolean
  audience?: string
  issuer?: string
  expires?: number
  by?: 'google' | 'another'
}

/** A token as Pub/Sub makes it, or one that is wrong in what is given. `expires`: seconds from now. https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions */
export async function googleToken({
  email,
  verified = true,
  audience = googleAudience,
  issuer = googleIssuer,
  expires = 3600,
  by = 'google',
}: Claims): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ azp: '113774264463038321964', email, email_verified: verified })
    .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
    .setSubject('113774264463038321964')
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now + Math.min(expires, 0) - 10)
    .setExpirationTime(now + expires)
    .sign((by === 'google' ? keys : others).privateKey)
}

export const googleShows = async (claims: Claims): Promise<Shown> => ({
  headers: { authorization: `Bearer ${await googleToken(claims)}` },
  query: '',
})

/** Google's keys, on a port of their own. */
export async function googleKeys(): Promise<{ url: string; asked: () => number; close: () => Promise<void> }> {
  const jwk = { ...(await exportJWK(keys.publicKey)), kid, alg: 'RS256', use: 'sig' }
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`, asked: () => asked, close }
}
