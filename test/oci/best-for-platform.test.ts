import { describe, expect, it } from '@jest/globals'
import { bestForPlatform, platformsFor } from '../../src/oci/best-for-platform.ts'
import { parsePlatform } from '../../src/oci/platform.ts'

const entry = (text: string) => {
  const [os, architecture, variant] = text.split('/')
  return { text, platform: { os, architecture, variant } }
}
const best = (wanted: string, ...has: string[]) =>
  bestForPlatform([...has.map(entry), { text: 'unnamed' } as ReturnType<typeof entry>], parsePlatform(wanted)!)?.text

describe('the entry of an index for a platform', () => {
  // Orders as in containerd/platforms compare_test.go
  it.each([
    ['linux/amd64', 'linux/amd64 linux/386'],
    ['linux/amd64/v3', 'linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386'],
    ['linux/arm/v7', 'linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    ['linux/arm64', 'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    [
      'linux/arm64/v8.2',
      'linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5',
    ],
    [
      'linux/arm64/v9',
      'linux/arm64/v9 linux/arm64/v8.5 linux/arm64/v8.4 linux/arm64/v8.3 linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 linux/arm/v9 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5',
    ],
    ['linux/riscv64', 'linux/riscv64'],
    ['linux/amd64/v999999999', 'linux/amd64/v999999999 linux/386'],
    ['windows/amd64', 'windows/amd64 windows/386'],
  ])('%s: %s', (wanted, order) => expect(platformsFor(parsePlatform(wanted)!).join(' ')).toBe(order))

  it('is the nearest, wherever it stands, and none that names no platform', () => {
    expect(best('linux/amd64/v3', 'linux/386', 'linux/amd64', 'linux/amd64/v2')).toBe('linux/amd64/v2')
    expect(best('linux/arm64/v9', 'linux/amd64', 'linux/arm64/v8')).toBe('linux/arm64/v8')
    expect(best('linux/amd64', 'linux/amd64/v2', 'linux/arm64')).toBeUndefined()
    expect(best('linux/amd64')).toBeUndefined()
  })

  it('has any version of Windows where none is asked for', () => {
    const entries = [{ platform: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' } }]
    expect(bestForPlatform(entries, parsePlatform('windows/amd64')!)).toBe(entries[0])
    expect(bestForPlatform(entries, parsePlatform('windows(10.0.1)/amd64')!)).toBe(entries[0])
    expect(bestForPlatform(entries, parsePlatform('windows(10.0.2)/amd64')!)).toBeUndefined()
  })
})
