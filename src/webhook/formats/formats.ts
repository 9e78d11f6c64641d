/*
 * In: authenticated requests in the formats of other registries than Distribution's.
 * Out: the same verdicts that Distribution's events get; what states no fact with certainty is an event that makes us ask (`look`).
 * Guarantees: total and pure; no address in a body is ever called; what the sender may do is decided by its proof, not by its words.
 */
import { azure } from './azure.ts'
import { dockerHub } from './docker-hub.ts'
import type { WebhookFormat } from './format.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { google } from './google.ts'
import { harbor } from './harbor.ts'
import { portus } from './portus.ts'
import { quay } from './quay.ts'
import { zot } from './zot.ts'

/** By what stands in the URL: `/v2/webhooks/events/NAME`. */
export const formats: ReadonlyMap<string, WebhookFormat> = new Map(
  Object.entries({ azure, dockerhub: dockerHub, github, gitlab, google, harbor, portus, quay, zot }),
)
