import { parseJson } from '../oci/manifest.ts'
import { type Answer, place } from './exchange.ts'
import { RegistryError } from './registry-error.ts'

/**
 * A 404 that says nothing of what was asked for: a proxy without its backend, a web server in the registry's place. A registry marks its
 * answers, or answers in JSON (OCI distribution spec, "Error codes"). An answer without a body may still be the registry's.
 */
export const isForeign = ({ headers, bytes }: Answer): boolean =>
  headers['docker-distribution-api-version'] === undefined &&
  /^text\/(html|plain)\b/.test(headers['content-type'] ?? '') &&
  !hasErrors(bytes)

function hasErrors(bytes: Buffer): boolean {
  const body = parseJson(bytes) as { errors?: unknown } | null | undefined
  return Array.isArray(body?.errors)
}

/** Throws `bad-response` where a 404 is not the registry's word that there is none. */
export function checkAbsence(answer: Answer): void {
  if (isForeign(answer))
    throw new RegistryError('bad-response', `${place(answer.url)}: a 404, and not as a registry says it`)
}
