import { PackageURL } from 'packageurl-js'
import { z } from 'zod'
import { type BuildOrigin, originOf } from './build-origin.ts'
import { type Digest, parseDigest } from './digest.ts'
import { type Platform, parsePlatform } from './platform.ts'
import { parseReference, tagRef } from './reference.ts'
import { parseStatement, sha256Of } from './statement.ts'

/** An image a build used. `name` is `host/repo:tag`, null for a bare digest; `pinned`: the FROM itself names a digest. */
export type Material = { name: string | null; digest: Digest | null; platform: Platform | null; pinned: boolean }

/** What a provenance says: of which digests it speaks, which images were used, and what was built from, where it says so. */
export type Provenance = { subjects: Digest[]; materials: Material[]; origin: BuildOrigin | null }

/** bad-statement: no statement, or a provenance that cannot be read. other-predicate: a statement of something else. */
export type StatementFault = 'bad-statement' | 'other-predicate'

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

const Predicate = z.object({
  buildDefinition: z
    .object({
      resolvedDependencies: resources,
      externalParameters: z.object({ request }).nullish().catch(null),
    })
    .nullish(),
  runDetails: z
    .object({ metadata: z.object({ buildkit_metadata: sources }).nullish() })
    .nullish()
    .catch(null),
  materials: resources,
  invocation: z.object({ parameters: request }).nullish().catch(null),
  metadata: z.object({ 'https://mobyproject.org/buildkit@v1#metadata': sources }).nullish().catch(null),
})
type Predicate = z.output<typeof Predicate>

const provenanceType = 'https://slsa.dev/provenance/'
export const isProvenance = (predicateType: string): boolean => predicateType.startsWith(provenanceType)

/**
 * Reads a provenance statement: SLSA v1 `resolvedDependencies`, v0.2 and older `materials`, or why there is none in the bytes.
 * https://slsa.dev/spec/v1.0/provenance, https://docs.docker.com/build/metadata/attestations/slsa-provenance/
 */
export function parseProvenance(bytes: Uint8Array): Provenance | StatementFault {
  const statement = parseStatement(bytes)
  if (!statement) return 'bad-statement'
  if (!isProvenance(statement.predicateType)) return 'other-predicate'
  const parsed = Predicate.safeParse(statement.predicate)
  if (!parsed.success) return 'bad-statement'
  const predicate = parsed.data
  const frontends = frontendsOf(predicate)
  const named = (predicate.buildDefinition?.resolvedDependencies ?? predicate.materials ?? []).flatMap((resource) => {
    const image = resource && parseImagePurl(resource.uri)
    if (!image || frontends.has(image.repository)) return []
    return [{ ...image.material, digest: sha256Of(resource.digest) ?? image.material.digest }]
  })
  return { subjects: statement.subjects, materials: named, origin: originOf(statement.predicate) }
}

/**
 * The image a purl names, null for anything else (git, a binary). `pkg:docker/NAME@TAG?platform=…&digest=…` is BuildKit's
 * form; `pkg:oci/NAME@sha256:…?repository_url=…&tag=…` the purl spec's.
 */
export function parseImagePurl(uri: string): { material: Material; repository: string } | null {
  const purl = parsePurl(uri)
  if (!purl || (purl.type !== 'docker' && purl.type !== 'oci')) return null
  const qualifiers: Record<string, string | undefined> = { ...purl.qualifiers }
  const path = purl.type === 'oci' ? qualifiers.repository_url : dockerPath(purl, qualifiers.repository_url)
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

/** `pkg:docker/customer/dockerimage@sha256:…?repository_url=gcr.io`: the registry beside a name without one (purl-spec, docker). */
function dockerPath({ namespace, name }: PackageURL, repositoryUrl: string | undefined): string {
  const path = [namespace, name].filter(Boolean).join('/')
  const host = repositoryUrl?.replace(/^https?:\/\//, '').replace(/\/+$/, '')
  const hosted = /^[^/]*[.:][^/]*\/|^localhost\//.test(path)
  return host && !hosted ? `${host}/${path}` : path
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
function frontendsOf(predicate: Predicate): Set<string> {
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
