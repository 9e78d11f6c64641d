import { createHash, timingSafeEqual } from 'node:crypto'
import type { Config } from '../config.ts'
import { canonicalHosts } from '../oci/reference.ts'

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
  const only = config.registries.length === 1
  const asked = named === null ? null : canonicalHosts(config.registries)(named)
  const right = config.registries.filter((registry) => {
    const own = matches(registry.webhookToken, presented)
    const common = matches(config.webhookToken, presented)
    return only || asked === registry.name ? own || common : asked === null && own
  })
  return right.length === 1 ? right[0]!.name : null
}

const hash = (token: string): Buffer => createHash('sha256').update(token).digest()

const matches = (token: string | null | undefined, presented: Buffer): boolean =>
  token ? timingSafeEqual(hash(token), presented) : false
