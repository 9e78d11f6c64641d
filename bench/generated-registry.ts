/**
 * in: how many manifests. out: a registry on a loopback port that makes each when it is asked for, and keeps none; its port on stdout.
 * guarantees: the images of stored-registry.ts. A process of its own, so that what it needs is not counted as the importer's.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { imageOf, tagsOfRepository } from './stored-registry.ts'

const count = Number(process.argv[2])
const repositories = Math.ceil(count / tagsOfRepository)
/** Configs that were named by a manifest and not fetched yet. */
const configs = new Map<string, Buffer>()

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const json = (value: object, headers = {}) =>
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
  const [, kind, last] = /\/(tags|manifests|blobs|_catalog)(?:\/(.+))?$/.exec(url.pathname) ?? []
  if (kind === '_catalog') {
    const from = Number(url.searchParams.get('last') ?? 0)
    const next = Math.min(from + 1000, repositories)
    const names = Array.from({ length: next - from }, (_, i) => imageOf((from + i) * tagsOfRepository).repository)
    return json({ repositories: names }, next < repositories ? { link: `</v2/_catalog?last=${next}>; rel="next"` } : {})
  }
  if (kind === 'tags') {
    const first = Number(/app(\d+)/.exec(url.pathname)?.[1])
    const names = Array.from({ length: Math.min(tagsOfRepository, count - first) }, (_, i) => `t${first + i}`)
    return json({ name: 'x', tags: names })
  }
  if (kind === 'manifests' && last?.startsWith('t')) {
    const { manifest, config } = imageOf(Number(last.slice(1)))
    if (request.method === 'GET') configs.set(config.digest, config.bytes)
    response.writeHead(200, {
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
      'docker-content-digest': manifest.digest,
      'content-length': manifest.bytes.length,
    })
    return response.end(request.method === 'GET' ? manifest.bytes : undefined)
  }
  const config = kind === 'blobs' ? configs.get(last ?? '') : undefined
  configs.delete(last ?? '')
  return config ? response.writeHead(200).end(config) : response.writeHead(kind ? 404 : 200).end('{}')
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
