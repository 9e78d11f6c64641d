/** Why nobody was signed in by the provider. `message` is for the person at the browser: it names no secret and no token. */
export class OidcError extends Error {
  override name = 'OidcError'
  readonly code: 'oidc-unreachable' | 'oidc-refused' | 'oidc-odd' | 'oidc-lost' | 'oidc-nobody'
  readonly retryable: boolean
  constructor(code: OidcError['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.retryable = code === 'oidc-unreachable' || code === 'oidc-lost'
  }
}
