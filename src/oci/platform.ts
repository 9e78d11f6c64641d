/**
 * A platform in one normalised text: `os/architecture[/variant][;os.version]`, e.g. `linux/arm64`, `linux/arm/v6`,
 * `windows/amd64;10.0.20348.2227`. Equal texts are the same platform. Rules: containerd's platforms.Normalize.
 */
export type Platform = string & { readonly __brand: 'Platform' }

/** The fields of an OCI platform object or image config that name a platform. */
export type PlatformFields = {
  os?: string | undefined
  architecture?: string | undefined
  variant?: string | undefined
  'os.version'?: string | undefined
}

const archAlias: Record<string, string> = {
  i386: '386',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
}

/** What a platform is made of, as in containerd: others show it, and an image may say anything. */
const part = /^[A-Za-z0-9_.-]{1,64}$/

/**
 * Normalises as containerd does: arm64 = arm64/v8, arm = arm/v7, amd64/v1 = amd64; `os.version` counts for Windows only. Null without os or
 * architecture, or where one of them is no word.
 */
export function normalisePlatform(p: PlatformFields): Platform | null {
  const os = p.os?.toLowerCase() === 'macos' ? 'darwin' : p.os?.toLowerCase()
  const given = p.architecture?.toLowerCase()
  if (!os || !given) return null
  if (![os, given, p.variant || 'v1', (os === 'windows' && p['os.version']) || '0'].every((one) => part.test(one)))
    return null
  const architecture = archAlias[given] ?? given
  const variant = normaliseVariant(architecture, given, p.variant?.toLowerCase() ?? '')
  const version = os === 'windows' && p['os.version'] ? `;${p['os.version']}` : ''
  return `${os}/${architecture}${variant ? `/${variant}` : ''}${version}` as Platform
}

function normaliseVariant(architecture: string, given: string, variant: string): string {
  if (architecture === 'arm64') return variant === '8' || variant === 'v8' ? '' : variant
  if (architecture === 'amd64') return variant === 'v1' ? '' : variant
  if (architecture !== 'arm') return variant
  if (given === 'armel' && variant === '') return 'v6'
  if (variant === '') return 'v7'
  return /^\d$/.test(variant) ? `v${variant}` : variant
}

/** Reads `linux/arm64/v8` or `windows/amd64` as written on command lines and in purls (`windows(10.0.1)/amd64` too). */
export function parsePlatform(text: string): Platform | null {
  const [os = '', architecture, variant] = text.split('/')
  const versioned = /^([^(]+)\(([^)]+)\)$/.exec(os)
  return normalisePlatform({ os: versioned?.[1] ?? os, architecture, variant, 'os.version': versioned?.[2] })
}
