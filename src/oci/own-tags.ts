import { createHash } from 'node:crypto'
import type { Platform } from './platform.ts'

/** Characters of a tag. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
const longest = 128

/**
 * The tag through which a daemon brings a build's content into the registry, before Drydock puts the tag itself: `1` → `1.drydock`, of
 * a further platform `1.drydock-linux-arm64`. It is nobody's: it is removed afterwards where the registry can, and never looked at.
 */
export const stagingTag = (tag: string, platform: Platform | null = null): string =>
  withSuffix(tag, `.drydock${platform === null ? '' : `-${platform.replaceAll(/[^a-z0-9_.]+/g, '-')}`}`)

/** The tag that keeps what a tag was while it and TAG-prev change places: `1` → `1.drydock-restore-now`. A staging tag like any other. */
export const restoringTag = (tag: string): string => withSuffix(tag, '.drydock-restore-now')

const staging = /\.drydock(?:-[a-z0-9]+-[a-z0-9_.-]+)?$/

/** True for what `stagingTag` gives, whoever pushed it. */
export const isStagingTag = (tag: string): boolean => staging.test(tag)

/** The tag that keeps what the tag pointed at before Drydock moved it: `1` → `1-prev`. */
export const previousTag = (tag: string): string => withSuffix(tag, '-prev')

/** True for what `previousTag` gives, whoever pushed it. */
export const isKeptTag = (tag: string): boolean => tag.endsWith('-prev')

/** A tag that is too long for its suffix is cut, with a hash of the whole, so that no two share one. */
function withSuffix(tag: string, suffix: string): string {
  if (tag.length + suffix.length <= longest) return tag + suffix
  const hash = createHash('sha256').update(tag).digest('hex').slice(0, 12)
  return `${tag.slice(0, longest - suffix.length - hash.length - 1)}-${hash}${suffix}`
}
