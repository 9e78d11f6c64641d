import { normalisePlatform, type Platform, type PlatformFields } from './platform.ts'

/**
 * The entry of an index that a container daemon takes for a platform: the first of its own, else of the next that it can run as well
 * (amd64/v3: v2, then plain amd64, then 386). Undefined where none will do; entries that name no platform are never chosen. A Windows version
 * counts only where `wanted` has one. Order: platformVector of containerd/platforms compare.go.
 */
export function bestForPlatform<T extends { platform?: PlatformFields | undefined }>(
  entries: readonly T[],
  wanted: Platform,
): T | undefined {
  const named = entries.flatMap((entry) => {
    const platform = entry.platform ? normalisePlatform(entry.platform) : null
    return platform === null ? [] : [{ entry, platform: wanted.includes(';') ? platform : platform.replace(/;.*/, '') }]
  })
  for (const platform of platformsFor(wanted)) {
    const found = named.find((one) => one.platform === platform)
    if (found) return found.entry
  }
  return undefined
}

/** A platform, then those whose programs it runs too, the nearest first. */
export function platformsFor(wanted: Platform): Platform[] {
  const [name = '', version] = wanted.split(';')
  const [os, architecture = '', variant = ''] = name.split('/')
  const others = [...runBy(architecture, variant)].map(([arch, variant]) => ({ architecture: arch, variant }))
  const all = others.map((fields) => normalisePlatform({ os, ...fields, 'os.version': version }))
  return [...new Set([wanted, ...all.filter((platform) => platform !== null)])]
}

/** Architecture and variant of each. */
function* runBy(architecture: string, variant: string): Generator<[string, string]> {
  if (architecture === 'amd64') {
    for (let v = numberOf(variant) - 1; v >= 1; v--) yield ['amd64', `v${v}`]
    yield ['386', '']
  }
  if (architecture === 'arm') for (let v = numberOf(variant) - 1; v >= 5; v--) yield ['arm', `v${v}`]
  if (architecture !== 'arm64') return
  const [, major, minor] = /^v([89])(?:\.(\d))?$/.exec(variant || 'v8') ?? []
  if (major === '9') for (let m = Number(minor ?? 0) - 1; m >= 0; m--) yield ['arm64', m === 0 ? 'v9' : `v9.${m}`]
  // v9.0 came of v8.5
  const newest = major === '9' ? Number(minor ?? 0) + 5 : Number(minor ?? 0) - 1
  if (major) for (let m = newest; m >= 0; m--) yield ['arm64', m === 0 ? 'v8' : `v8.${m}`]
  for (let v = major === '9' && !minor ? 9 : 8; v >= 5; v--) yield ['arm', `v${v}`]
}

const numberOf = (variant: string): number => (/^v\d{1,2}$/.test(variant) ? Number(variant.slice(1)) : 0)
