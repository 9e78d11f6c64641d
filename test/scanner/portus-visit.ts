/** A vulnerability as a scanner answers it. */
export type Found = { Name: string; Link: string; Severity: string; Description: string; FixedBy: string }
/** An image as a registry has it: digests of layers, lowest first. */
export type Image = { repository: string; layers: readonly string[] }
export const registryOfPortus = 'https://reg:5000'
/** Digest of an empty tar, which Portus leaves out. */
export const emptyLayer = 'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4'

/** Posts each layer, lowest first. */
export async function postLayers(
  server: string,
  { repository, layers }: Image,
  host = registryOfPortus,
): Promise<void> {
  const told = layers.filter((digest) => digest !== emptyLayer)
  for (const [i, digest] of told.entries()) {
    const Layer = {
      ...{ Name: digest, NamespaceName: '', Path: `${host}/v2/${repository}/blobs/${digest}` },
      ...{ Headers: { Authorization: 'Bearer of-the-registry' }, ParentName: told[i - 1] ?? '', Format: 'Docker' },
      ...{ IndexedByVersion: 0, Features: [] },
    }
    const answer = await fetch(`${server}/v1/layers`, { method: 'POST', body: JSON.stringify({ Layer }) })
    await answer.json()
  }
}

/** Asks for the top layer. Empty where that fails, as Portus takes it. */
export async function askTop(server: string, layers: readonly string[]): Promise<Found[]> {
  const top = layers.filter((digest) => digest !== emptyLayer).at(-1)
  const answer = await fetch(`${server}/v1/layers/${top}?features=false&vulnerabilities=true`)
  const { Layer } = (await answer.json()) as { Layer?: { Features: { Vulnerabilities?: Found[] }[] } }
  const found = answer.status === 200 ? (Layer?.Features ?? []).flatMap((feature) => feature.Vulnerabilities ?? []) : []
  return [...new Map(found.map((one) => [one.Name, one])).values()]
}

/**
 * What Portus 2.4.3 does with its scanner for one image (lib/portus/security_backends/clair.rb of https://github.com/SUSE/Portus): posts,
 * then asks; whom it cannot reach has found nothing.
 */
export async function portusVisit(server: string, image: Image, host = registryOfPortus): Promise<Found[]> {
  await postLayers(server, image, host)
  return askTop(server, image.layers)
}
