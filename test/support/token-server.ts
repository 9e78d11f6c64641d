import { createPrivateKey, createSign, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeCertificate } from './certificate.ts'

/** Section `auth.token` of docker-registry's configuration. */
export type TokenAuth = { realm: string; service: string; issuer: string; rootcertbundle: string }

/** What a client asked the token server for. */
export type TokenRequest = { scopes: string[]; service: string | null; authorization: string | undefined }

export type TokenServer = {
  auth: TokenAuth
  requests: readonly TokenRequest[]
  close: () => Promise<void>
}

export type TokenServerOptions = {
  user: { username: string; password: string }
  /** the field the token comes in */
  field?: 'token' | 'access_token'
  /** seconds, as said and as true */
  expiresIn?: number
}

/**
 * A token server as Docker's protocol wants it, for docker-registry: whoever logs in as `user` gets every scope that is asked for,
 * in a JWT signed with a certificate of its own (made with openssl). Others get 401.
 * https://distribution.github.io/distribution/spec/auth/jwt/
 */
export async function startTokenServer({
  user,
  field = 'token',
  expiresIn = 300,
}: TokenServerOptions): Promise<TokenServer> {
  const made = makeCertificate()
  const key = createPrivateKey(made.key)
  const certificate = made.cert.replace(/-----[^-]+-----|\s/g, '')
  const requests: TokenRequest[] = []
  const right = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`

  function sign(service: string | null, scopes: readonly string[]): string {
    const now = Math.floor(Date.now() / 1000)
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':')
      return { type, name, actions: actions.split(',') }
    })
    const times = { exp: now + expiresIn, nbf: now - 5, iat: now }
    const claims = { iss: 'test-issuer', sub: user.username, aud: service, jti: randomUUID(), ...times, access }
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part({ typ: 'JWT', alg: 'RS256', x5c: [certificate] })}.${part(claims)}`
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`
  }

  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://token')
    const { authorization } = request.headers
    const scopes = searchParams.getAll('scope')
    requests.push({ scopes, service: searchParams.get('service'), authorization })
    if (authorization !== right) return void response.writeHead(401, { 'content-length': 0 }).end()
    const body = { [field]: sign(searchParams.get('service'), scopes), expires_in: expiresIn }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?from=test`
  return {
    auth: { realm, service: 'test, registry', issuer: 'test-issuer', rootcertbundle: made.file },
    requests,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      made.remove()
    },
  }
}
