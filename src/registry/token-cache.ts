/** A Bearer token and when it ends, in milliseconds since the epoch. */
export type Token = { value: string; endsAt: number }

const limit = 1000

/** Tokens by scope. One that is about to end counts as ended. Holds at most 1000; the longest unused goes first. */
export class TokenCache {
  readonly #tokens = new Map<string, Token>()

  get(scope: string, now: number): string | null {
    const token = this.#tokens.get(scope)
    if (!token) return null
    this.#tokens.delete(scope)
    if (token.endsAt <= now) return null
    this.#tokens.set(scope, token)
    return token.value
  }

  set(scope: string, token: Token): void {
    this.#tokens.delete(scope)
    this.#tokens.set(scope, token)
    if (this.#tokens.size <= limit) return
    for (const oldest of this.#tokens.keys()) {
      this.#tokens.delete(oldest)
      return
    }
  }

  delete(scope: string): void {
    this.#tokens.delete(scope)
  }
}
