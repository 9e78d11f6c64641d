import { z } from 'zod'
import { isDigest } from '../../oci/digest.ts'
import type { WebhookFormat } from './format.ts'
import { jsonBody } from './json-body.ts'
import { ignored, irrelevant, lookAt } from './look-event.ts'
import { namedImage } from './named-image.ts'

const text = z.string().nullish().catch(null)
const digested = z.object({ digest: text, name: text }).nullish().catch(null)
const Package = z.object({
  package_version: z
    .object({
      version: text,
      package_url: text,
      container_metadata: z.object({ tag: digested, manifest: digested }).nullish().catch(null),
    })
    .nullish()
    .catch(null),
})
const Body = z.object({
  action: z.string(),
  registry_package: Package.nullish(),
  package: Package.nullish(),
  sender: z.object({ login: text }).nullish().catch(null),
})

const ofPackages = new Set(['registry_package', 'package'])

/**
 * GitHub Packages: the events `registry_package` and `package` of containers. Their times are of the package or none ("0001-01-01…"), and
 * what a tag's digest is called varies: the registry is asked. A signature covers the body; the secret may be that of several hosts
 * (ghcr.io, docker.pkg.github.com), so that of other hosts' packages nothing is believed.
 * https://docs.github.com/webhooks/webhook-events-and-payloads#registry_package
 */
export const github: WebhookFormat = {
  vendor: 'GitHub Packages',
  proof: 'github-signature',
  carriers: [],
  read(delivery) {
    const kind = delivery.headers['x-github-event']
    // whoever wants all events of an organisation sent gets many more of others
    if (typeof kind === 'string' && !ofPackages.has(kind)) return { verdicts: [irrelevant(kind)] }
    const { success, data } = Body.safeParse(jsonBody(delivery))
    const version = data?.registry_package?.package_version ?? data?.package?.package_version
    if (!success || (!data.registry_package && !data.package)) return null
    const image = namedImage(version?.package_url)
    if (!version?.container_metadata || !image) return { verdicts: [irrelevant(data.action)] }
    const id = delivery.headers['x-github-delivery']
    const { tag, manifest } = version.container_metadata
    const named = {
      id: typeof id === 'string' ? id : null,
      repository: image.repository,
      tag: tag?.name || image.tag,
      digest: [version.version, manifest?.digest, tag?.digest].find(isDigest) ?? null,
      actor: data.sender?.login,
    }
    return {
      verdicts: [delivery.isHost(image.host) ? lookAt(delivery, named) : ignored(delivery, named, 'other-registry')],
    }
  },
}
