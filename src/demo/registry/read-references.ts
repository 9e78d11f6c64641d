import { z } from 'zod'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { isIndex, isManifest } from '../../oci/media-type.ts'
import { SpecError } from './spec-error.ts'

const Descriptor = z.object({
  mediaType: z.string(),
  size: z.number().int().nonnegative(),
  digest: z.custom<Digest>(isDigest),
  urls: z.array(z.string()).optional(),
})
const Body = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  config: Descriptor.optional(),
  layers: z.array(Descriptor).optional(),
  manifests: z.array(Descriptor).optional(),
})

/** What a manifest points at. `foreign`: the layer is fetched from its `urls` and need not be here. */
export type Reference = { kind: 'blob' | 'manifest'; mediaType: string; size: number; digest: Digest; foreign: boolean }

/** Reads a pushed manifest's references, in order, or throws MANIFEST_INVALID. `contentType` '' stands for none. */
export function readReferences(bytes: Buffer, contentType: string): { mediaType: string; references: Reference[] } {
  const body = Body.safeParse(parse(bytes))
  if (!body.success) throw new SpecError('MANIFEST_INVALID', 'manifest invalid', z.prettifyError(body.error))
  const { config, layers = [], manifests } = body.data
  const mediaType = contentType || (body.data.mediaType ?? '')
  if (body.data.mediaType !== undefined && body.data.mediaType !== mediaType)
    throw new SpecError('MANIFEST_INVALID', `the body says ${body.data.mediaType}, the header ${mediaType}`)
  const whole = isIndex(mediaType) ? manifests && !config : isManifest(mediaType) && config && !manifests
  if (!whole) throw new SpecError('MANIFEST_INVALID', `not what ${mediaType || 'no media type'} names`)
  const blobs = config ? [config, ...layers] : []
  return {
    mediaType,
    references: [
      ...blobs.map((blob) => ({ ...blob, kind: 'blob' as const, foreign: (blob.urls ?? []).length > 0 })),
      ...(manifests ?? []).map((entry) => ({ ...entry, kind: 'manifest' as const, foreign: false })),
    ],
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new SpecError('MANIFEST_INVALID', `no JSON: ${String(cause)}`)
  }
}
