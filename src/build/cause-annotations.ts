import type { Claim } from './claim.ts'

/**
 * What a manifest says of why it was built: annotations, because labels are inherited by children. Keys are ours
 * (`dev.drydock.*`); the base and the source have OCI's own, which the builder adds.
 * https://github.com/opencontainers/image-spec/blob/main/annotations.md
 */
export function causeAnnotations({ id, reason }: Pick<Claim, 'id' | 'reason'>): Record<string, string> {
  const said = {
    'dev.drydock.build': id,
    'dev.drydock.cause': reason.kind,
    'dev.drydock.cause.base': reason.base,
    'dev.drydock.cause.digest': reason.to,
  }
  return Object.fromEntries(Object.entries(said).flatMap(([key, value]) => (value ? [[key, value]] : [])))
}
