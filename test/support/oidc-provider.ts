import { randomBytes } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'

/** A real OpenID provider on loopback, with pages of its own to sign in and to consent. It wants PKCE and the client's secret. */
export type TestProvider = {
  issuer: string
  clientId: string
  clientSecret: string
  /** claims by subject, which is also what somebody types to sign in */
  accounts: Map<string, Record<string, unknown>>
  /** what it answers in place of its own, by path */
  answers: Map<string, object>
  /** to be told once, before anybody comes */
  serve: (redirectUri: string) => Promise<void>
  /** nobody answers there any more */
  close: () => Promise<void>
}

export async function startProvider(): Promise<TestProvider> {
  let listener: RequestListener | undefined
  const answers = new Map<string, object>()
  const server: Server = createServer((request, response) => {
    const answer = answers.get(request.url ?? '')
    if (!answer) return listener?.(request, response)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const accounts = new Map<string, Record<string, unknown>>()
  const client = { clientId: 'drydock', clientSecret: randomBytes(32).toString('hex') }
  return {
    ...{ issuer, ...client, accounts, answers },
    async serve(redirectUri) {
      const { privateKey } = await generateKeyPair('RS256', { extractable: true })
      const provider = new Provider(issuer, {
        clients: [{ client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [redirectUri] }],
        jwks: { keys: [{ ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'test' }] },
        cookies: { keys: [randomBytes(32).toString('hex')] },
        pkce: { required: () => true },
        claims: {
          openid: ['sub'],
          profile: ['preferred_username', 'name', 'groups'],
          email: ['email', 'email_verified'],
        },
        findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...accounts.get(sub), sub }) }),
        ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
      })
      listener = provider.callback()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
