import { z } from 'zod'
import { isDigest } from '../../oci/digest.ts'
import type { WebhookFormat } from './format.ts'
import { jsonBody } from './json-body.ts'
import { ignored, irrelevant, lookAt } from './look-event.ts'
import { namedImage } from './named-image.ts'

const text = z.string().nullish().catch(null)
const digested = z.object({ digest: text, name: text }).nullish().catch(null)
const Package = z.object({
  name: text,
  namespace: text,
  package_type: text,
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
const ofContainers = new Set(['container', 'docker'])

/**
 * GitHub Packages: the events `registry_package` and `package` of containers. Their times are of the package or none ("0001-01-01…"), and
 * what a tag's digest is called varies: the registry is asked. A signature covers the body; the secret may be that of several hosts
 * (ghcr.io, docker.pkg.github.com), so that of other hosts' packages nothing is believed. What is a container's is never passed over: where no
 * address says of which repository it is, the package's name does, and without that the registry is compared.
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
    const published = data?.registry_package ?? data?.package
    if (!success || !published) return null
    const { name, namespace, package_type: type, package_version: version } = published
    const held = version?.container_metadata
    if (!held && !ofContainers.has((type ?? '').toLowerCase())) return { verdicts: [irrelevant(data.action)] }
    // a version without a tag has been seen with its digest in the tag's place
    const image = namedImage(version?.package_url?.replace(/:(?=\w+:[0-9a-f]{64,}$)/, '@'))
    const id = delivery.headers['x-github-delivery']
    const named = {
      id: typeof id === 'string' ? id : null,
      repository: image?.repository ?? (namespace && name ? `${namespace}/${name}`.toLowerCase() : null),
      tag: held?.tag?.name || image?.tag,
      digest: [version?.version, held?.manifest?.digest, held?.tag?.digest, image?.digest].find(isDigest) ?? null,
      actor: data.sender?.login,
    }
    if (named.repository === null) return { verdicts: [ignored(delivery, named, 'repository-change')] }
    const isOurs = image === null || delivery.isHost(image.host)
    return { verdicts: [isOurs ? lookAt(delivery, named) : ignored(delivery, named, 'other-registry')] }
  },
}
