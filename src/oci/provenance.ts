import { PackageURL } from 'packageurl-js'
import { z } from 'zod'
import { type Digest, parseDigest } from './digest.ts'
import { parseJson } from './manifest.ts'
import { type Platform, parsePlatform } from './platform.ts'
import { parseReference, tagRef } from './reference.ts'

/** An image a build used. `name` is `host/repo:tag`, null for a bare digest; `pinned`: the FROM itself names a digest. */
export type Material = { name: string | null; digest: Digest | null; platform: Platform | null; pinned: boolean }

/** What an in-toto statement says: of which digests it speaks, and which images were used. */
export type Provenance = { subjects: Digest[]; materials: Material[] }

const used = z.object({ uri: z.string(), digest: z.record(z.string(), z.unknown()).nullish().catch(null) })
const resources = z.array(used.nullable().catch(null)).nullish().catch(null)
const request = z
  .object({ args: z.record(z.string(), z.unknown()).nullish().catch(null) })
  .nullish()
  .catch(null)
const sources = z
  .object({ source: z.object({ infos: z.array(z.object({ data: z.string().nullish() })).nullish() }).nullish() })
  .nullish()
  .catch(null)

const Statement = z.object({
  predicateType: z.string(),
  subject: z
    .array(z.object({ digest: z.record(z.string(), z.unknown()).nullish() }))
    .nullish()
    .catch(null),
  predicate: z.object({
    buildDefinition: z
      .object({
        resolvedDependencies: resources,
        externalParameters: z.object({ request }).nullish().catch(null),
      })
      .nullish(),
    runDetails: z.object({ metadata: z.object({ buildkit_metadata: sources }).nullish() }).nullish(),
    materials: resources,
    invocation: z.object({ parameters: request }).nullish().catch(null),
    metadata: z.object({ 'https://mobyproject.org/buildkit@v1#metadata': sources }).nullish().catch(null),
  }),
})

/**
 * Reads a provenance statement: SLSA v1 `resolvedDependencies`, v0.2 and older `materials`. Null where the bytes are none.
 * https://slsa.dev/spec/v1.0/provenance, https://docs.docker.com/build/metadata/attestations/slsa-provenance/
 */
export function parseProvenance(bytes: Uint8Array): Provenance | null {
  const parsed = Statement.safeParse(unwrapped(parseJson(bytes)))
  if (!parsed.success || !parsed.data.predicateType.startsWith('https://slsa.dev/provenance/')) return null
  const { predicate, subject } = parsed.data
  const frontends = frontendsOf(parsed.data)
  const named = (predicate.buildDefinition?.resolvedDependencies ?? predicate.materials ?? []).flatMap((resource) => {
    const image = resource && parseImagePurl(resource.uri)
    if (!image || frontends.has(image.repository)) return []
    return [{ ...image.material, digest: sha256Of(resource.digest) ?? image.material.digest }]
  })
  return { subjects: (subject ?? []).flatMap((s) => sha256Of(s.digest) ?? []), materials: named }
}

/** A statement may come in a DSSE envelope. https://github.com/secure-systems-lab/dsse/blob/master/envelope.md */
function unwrapped(json: unknown): unknown {
  const envelope = z.object({ payloadType: z.string(), payload: z.string() }).safeParse(json)
  return envelope.success ? parseJson(Buffer.from(envelope.data.payload, 'base64')) : json
}

const sha256Of = (digests: Record<string, unknown> | null | undefined): Digest | null =>
  parseDigest(`sha256:${String(digests?.sha256).toLowerCase()}`)

/**
 * The image a purl names, null for anything else (git, a binary). `pkg:docker/NAME@TAG?platform=…&digest=…` is BuildKit's
 * form; `pkg:oci/NAME@sha256:…?repository_url=…&tag=…` the purl spec's.
 */
export function parseImagePurl(uri: string): { material: Material; repository: string } | null {
  const purl = parsePurl(uri)
  if (!purl || (purl.type !== 'docker' && purl.type !== 'oci')) return null
  const qualifiers: Record<string, string | undefined> = { ...purl.qualifiers }
  const path = purl.type === 'oci' ? qualifiers.repository_url : [purl.namespace, purl.name].filter(Boolean).join('/')
  const inVersion = parseDigest(purl.version)
  const tag = purl.type === 'oci' ? qualifiers.tag : inVersion ? null : purl.version
  const digest = parseDigest(qualifiers.digest) ?? inVersion
  const reference = path ? parseReference(`${path}${tag ? `:${tag}` : ''}${digest ? `@${digest}` : ''}`) : null
  if (!reference) return null
  const { host, repository } = reference
  return {
    repository: `${host}/${repository}`,
    material: {
      name: reference.tag === null ? null : tagRef(host, repository, reference.tag),
      digest,
      platform: qualifiers.platform ? parsePlatform(qualifiers.platform) : null,
      pinned: digest !== null,
    },
  }
}

function parsePurl(uri: string): PackageURL | null {
  try {
    return PackageURL.fromString(uri)
  } catch {
    return null // materials are any URI; what is no purl names no image
  }
}

const wellKnown = [
  'docker/dockerfile',
  'docker/dockerfile-upstream',
  'docker/buildkit-syft-scanner',
  'docker/scout-sbom-indexer',
]
const sourceArgs = new Set(['source', 'cmdline', 'build-arg:BUILDKIT_SYNTAX'])

/** Repositories that took part in the build but are no base: Dockerfile frontends and SBOM scanners. */
function frontendsOf({ predicate }: z.output<typeof Statement>): Set<string> {
  const args = {
    ...predicate.invocation?.parameters?.args,
    ...predicate.buildDefinition?.externalParameters?.request?.args,
  }
  const metadata =
    predicate.runDetails?.metadata?.buildkit_metadata ??
    predicate.metadata?.['https://mobyproject.org/buildkit@v1#metadata']
  const named = [
    ...Object.entries(args).flatMap(([key, value]) => (sourceArgs.has(key) ? [String(value).split(' ')[0]!] : [])),
    ...Object.entries(args).flatMap(([key, value]) => (key.startsWith('attest:') ? generatorOf(String(value)) : [])),
    ...(metadata?.source?.infos ?? []).flatMap((info) => syntaxOf(Buffer.from(info.data ?? '', 'base64').toString())),
  ]
  const references = [...wellKnown, ...named].flatMap((name) => parseReference(name) ?? [])
  return new Set(references.map((r) => `${r.host}/${r.repository}`))
}

const generatorOf = (value: string): string[] => /(?:^|,)generator=([^,]+)/.exec(value)?.slice(1, 2) ?? []

/** https://docs.docker.com/reference/dockerfile/#parser-directives: only before the first line that is no comment. */
const syntaxOf = (dockerfile: string): string[] =>
  /^\uFEFF?(?:\s*(?:#|\/\/)[^\n]*\n)*?\s*(?:#|\/\/)\s*syntax\s*=\s*(\S+)/i.exec(dockerfile)?.slice(1, 2) ?? []
