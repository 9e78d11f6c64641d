import { z } from 'zod'
import { type Digest, parseDigest } from './digest.ts'
import { parseJson } from './manifest.ts'

/** An in-toto statement: of which digests it speaks, and what it says, unread. */
export type Statement = { predicateType: string; subjects: Digest[]; predicate: unknown }

const Body = z.object({
  predicateType: z.string(),
  subject: z
    .array(z.object({ digest: z.record(z.string(), z.unknown()).nullish().catch(null) }))
    .nullish()
    .catch(null),
  predicate: z.unknown(),
})
const Envelope = z.object({ payloadType: z.string(), payload: z.string() })
const Bundle = z.object({ dsseEnvelope: Envelope })

/**
 * Reads a statement as it is, in a DSSE envelope or in a Sigstore bundle; null where the bytes are none. Signatures are not checked.
 * https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
 */
export function parseStatement(bytes: Uint8Array): Statement | null {
  const parsed = Body.safeParse(unwrapped(parseJson(bytes)))
  if (!parsed.success) return null
  const { predicateType, subject, predicate } = parsed.data
  const subjects = (subject ?? []).flatMap((s) => sha256Of(s.digest) ?? [])
  return { predicateType, subjects: [...new Set(subjects)], predicate }
}

function unwrapped(json: unknown): unknown {
  const bundle = Bundle.safeParse(json)
  const envelope = Envelope.safeParse(bundle.success ? bundle.data.dsseEnvelope : json)
  return envelope.success ? parseJson(Buffer.from(envelope.data.payload, 'base64')) : json
}

/** The sha256 of a set of digests by algorithm. https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md */
export const sha256Of = (digests: Record<string, unknown> | null | undefined): Digest | null =>
  parseDigest(`sha256:${String(digests?.sha256).toLowerCase()}`)
