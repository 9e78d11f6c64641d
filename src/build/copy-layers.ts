import { contentName } from '../oci/reference.ts'
import { BuildError } from './build-error.ts'
import type { Place } from './read-layered.ts'
import { isForeignLayer } from './rebase-manifest.ts'
import type { LayerDescriptor } from './rebase-merge.ts'
import { denied } from './resolve-bases.ts'

/**
 * Makes layers present in a repository: there already, mounted from the other within one registry, else carried over piece by piece, so
 * that no layer is ever in memory as a whole. Errors: `base-absent`, `base-denied`, and those of the registry client.
 */
export async function copyLayers(
  layers: readonly LayerDescriptor[],
  from: Place,
  to: Place,
  signal: AbortSignal,
): Promise<void> {
  for (const layer of layers) {
    signal.throwIfAborted()
    if (isForeignLayer(layer.mediaType) || (await to.client.hasBlob(to.repository, layer.digest, { signal }))) continue
    if (
      from.client === to.client &&
      (await to.client.mountBlob(to.repository, layer.digest, from.repository, { signal }))
    )
      continue
    const open = () => openLayer(layer, from, signal)
    await to.client.uploadBlob(to.repository, layer.digest, { size: layer.size, open }, { signal })
  }
}

async function openLayer(
  { digest, size }: LayerDescriptor,
  place: Place,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  const name = contentName(place, digest)
  const found = await place.client.openBlob(place.repository, digest, { size, signal }).catch((error: unknown) => {
    throw denied(error, name)
  })
  if (!found) throw new BuildError('base-absent', `the layer ${name} does not exist`)
  return found
}
