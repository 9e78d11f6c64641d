import { createHash, timingSafeEqual } from 'node:crypto'
import type { Config } from '../config.ts'
import { canonicalHosts } from '../oci/reference.ts'
import type { RegistryConfig } from '../registry/registries.ts'

/** The secrets that may be right for a registry: its own, and the one that is common to all. */
export type Secrets = { own: (registry: RegistryConfig) => string | null | undefined; common: string | null }

/**
 * The registry a request speaks for, or null where its token is not right. With one registry every authenticated
 * request is its; with several each has its own token, or `named` (from `?registry=`) says which, under its own token or
 * the common one. Every comparison is of hashes in constant time, and all are made.
 */
export function authenticate(
  config: Pick<Config, 'registries' | 'webhookToken'>,
  authorization: string | undefined,
  named: string | null,
): string | null {
  const presented = hash(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '')
  const secrets = { own: ownToken, common: config.webhookToken }
  return registryOf(config, named, secrets, (secret) => timingSafeEqual(hash(secret), presented))
}

export const ownToken = (registry: RegistryConfig): string | null | undefined => registry.webhookToken

/** The one registry that a request is of, whose sender knows a secret so far as `knows` can tell; null where it is none or several. */
export function registryOf(
  config: Pick<Config, 'registries'>,
  named: string | null,
  secrets: Secrets,
  knows: (secret: string) => boolean,
): string | null {
  const isRight = (secret: string | null | undefined) => (secret ? knows(secret) : false)
  const only = config.registries.length === 1
  const asked = named === null ? null : canonicalHosts(config.registries)(named)
  const right = config.registries.filter((registry) => {
    const own = isRight(secrets.own(registry))
    const common = isRight(secrets.common)
    return only || asked === registry.name ? own || common : asked === null && own
  })
  return right.length === 1 ? right[0]!.name : null
}

const hash = (token: string): Buffer => createHash('sha256').update(token).digest()

/** True where one of the texts is the secret. Of hashes, so that texts of any lengths take the same time; all are compared. */
export const isAmong = (texts: readonly string[], secret: string): boolean =>
  texts.map((text) => timingSafeEqual(hash(text), hash(secret))).some((same) => same)
