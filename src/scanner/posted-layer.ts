import { z } from 'zod'
import { hostsOf } from '../access/vocabulary.ts'
import type { Deps } from '../deps.ts'
import { isDigest } from '../oci/digest.ts'
import { isRepository } from '../oci/reference.ts'

/** A layer as Portus posts it: https://github.com/quay/clair/blob/v2.1.8/Documentation/api_v1.md, lib/portus/security_backends/clair.rb of Portus. */
export const PostedLayer = z.object({
  Layer: z.object({
    Name: z.string().min(1).max(300),
    NamespaceName: z.string().max(300).nullish(),
    ParentName: z.string().max(300).nullish(),
    /** `http(s)://HOST/v2/REPOSITORY/blobs/DIGEST` */
    Path: z.string().max(2000).nullish(),
    Format: z.string().max(300).nullish(),
    /** a token of the registry, to read the layer with */
    Headers: z.object({ Authorization: z.string().optional() }).nullish().catch(null),
  }),
})
export type PostedLayer = z.infer<typeof PostedLayer>

/** Where a layer is, as a configured registry is called. `named`: its host is one of that registry's, not only taken for it. */
export type Place = { registry: string; repository: string; named: boolean }

/** A layer of a place that may be kept. `parent`: "" below the lowest. */
export type ToldLayer = { name: string; parent: string; place: Place; at: Date }

const blobPath = /^\/v2\/(.+)\/blobs\/[^/]+$/
const ports: Record<string, string> = { 'http:': '80', 'https:': '443' }

/**
 * The place that a blob's address names. Portus writes the host by which it reaches the registry itself: where that is no name, alias or
 * address of a configured one, it is the one said to be Portus' (`people: portusRegistry`), or the only one. Null: it is none.
 */
export function placeOf(
  { config }: { config: Pick<Deps['config'], 'registries' | 'portusRegistry'> },
  path: string | null | undefined,
): Place | null {
  const url = URL.parse(path ?? '')
  const repository = blobPath.exec(url?.pathname ?? '')?.[1]
  if (!url || repository === undefined || !isRepository(repository)) return null
  const hosts = new Map(hostsOf({ config }).flatMap((all) => all.map((host) => [host.toLowerCase(), all[0]!])))
  const named = hosts.get(url.host) ?? hosts.get(`${url.hostname}:${ports[url.protocol]}`)
  const only = config.registries.length === 1 ? config.registries[0]!.name : null
  const registry = named ?? config.portusRegistry ?? only
  return registry === null ? null : { registry, repository, named: named !== undefined }
}

/**
 * What a real Clair is given of a post, as it fetches what it is told; null where that is not at a name, alias or address of a registry.
 * Made anew: Go takes a key whatever its capitals are, and the last one counts; and an address is to be to Clair what it was to us.
 */
export function handedOn(
  d: Parameters<typeof placeOf>[0],
  { Layer: { Name, NamespaceName, ParentName, Path, Format, Headers } }: PostedLayer,
): { place: Place; body: object } | null {
  const [place, url] = [placeOf(d, Path), URL.parse(Path ?? '')]
  if (!place?.named || !url || !(url.protocol in ports)) return null
  const Layer = {
    ...{ Name, NamespaceName: NamespaceName ?? '', Path: `${url.protocol}//${url.host}${url.pathname}` },
    ...{ Headers: Headers ?? {}, ParentName: ParentName ?? '', Format: Format ?? '' },
  }
  return { place, body: { Layer } }
}

/** What is to be kept of a post; null where it names no layer in such a place. */
export function toldLayer(
  d: { config: Pick<Deps['config'], 'registries' | 'portusRegistry'> },
  { Layer: { Name, ParentName, Path } }: PostedLayer,
  at: Date,
): ToldLayer | null {
  const parent = ParentName ?? ''
  const place = placeOf(d, Path)
  return place && isDigest(Name) && (parent === '' || isDigest(parent)) ? { name: Name, parent, place, at } : null
}
