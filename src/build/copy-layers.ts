import type { RegistryClient } from '../registry/registries.ts'
import { BuildError } from './build-error.ts'
import { isForeignLayer } from './rebase-manifest.ts'
import type { LayerDescriptor } from './rebase-merge.ts'

type Place = { client: RegistryClient; repository: string }

/** Makes layers present in a repository: there already, mounted from the other within one registry, else carried over. */
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
    const bytes = await from.client.getBlob(from.repository, layer.digest, { maxBytes: layer.size, signal })
    if (!bytes) throw new BuildError('base-absent', `${from.repository} has no layer ${layer.digest}`)
    await to.client.uploadBlob(to.repository, layer.digest, bytes, { signal })
  }
}
