import type { Verdict } from '../envelope.ts'
import type { Carrier, Headers } from '../presented-tokens.ts'

/** A request of an authenticated sender. */
export type Delivery = {
  headers: Headers
  body: Buffer
  /** another one for each request: the id of what the vendor gives none */
  id: string
  receivedAt: Date
  /** true for a host under which references name the registry that the request is of */
  isHost: (host: string) => boolean
}

/** What a body says: events, or that the sender wants an answer of its own before it sends any. */
export type Said = { verdicts: readonly Verdict[] } | { reply: object }

/**
 * What one vendor sends. `proof`: how it shows that it may: the token in one of the `carriers`; GitHub's signature of the body; Google's
 * signed identity. `read` is total and pure; null: the body is not of this format. Event ids are unique within the format and registry.
 */
export type WebhookFormat = {
  /** for people */
  vendor: string
  proof: 'token' | 'github-signature' | 'google-identity'
  carriers: readonly Carrier[]
  read: (delivery: Delivery) => Said | null
  /** The headers that answer an OPTIONS request; absent: there are none such. */
  preflight?: (headers: Headers) => Record<string, string>
}
