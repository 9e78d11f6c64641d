/**
 * The media types of what a registry keeps under a manifest's address.
 * https://github.com/opencontainers/image-spec/blob/main/media-types.md,
 * https://distribution.github.io/distribution/spec/manifest-v2-2/#media-types
 */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  signedSchema1: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  schema1: 'application/vnd.docker.distribution.manifest.v1+json',
} as const

/** A Content-Type without its parameters, lower case: `application/json; charset=utf-8` → `application/json`. */
export const bareMediaType = (contentType: string): string => contentType.split(';', 1)[0]!.trim().toLowerCase()

/** True for an OCI index and Docker's manifest list: what points at one manifest a platform. */
export const isIndex = (mediaType: string): boolean =>
  mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerIndex

/** True for a manifest with a config and layers, OCI's or Docker's schema 2. An index is none. */
export const isManifest = (mediaType: string): boolean =>
  mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest

/**
 * What we accept under a manifest's address, as the `Accept` header says it. Indexes first: a registry that finds none of them
 * named answers an index with 404, or with one platform's manifest. Schema 1 last, so that it is not taken for an absence.
 */
export const manifestAccept: string = [
  mediaTypes.ociIndex,
  mediaTypes.dockerIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  mediaTypes.ociArtifact,
  mediaTypes.signedSchema1,
  mediaTypes.schema1,
].join(', ')
