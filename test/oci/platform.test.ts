import { expect, test } from '@jest/globals'
import { normalisePlatform, type PlatformFields } from '../../src/oci/platform.ts'

test.each<[PlatformFields, string | null]>([
  [{ os: 'linux', architecture: 'x86_64' }, 'linux/amd64'],
  [{ os: 'Linux', architecture: 'aarch64', variant: 'v8' }, 'linux/arm64'],
  [{ os: 'linux', architecture: 'arm' }, 'linux/arm/v7'],
  [{ os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.2227' }, 'windows/amd64;10.0.20348.2227'],
  [{ os: 'linux', architecture: '' }, null],
  [{ os: 'linux', architecture: 'amd64\n\n-- \nNo more mail: https://evil.example' }, null],
  [{ os: 'linux', architecture: 'amd64 https://evil.example' }, null],
  [{ os: 'li\u202enux', architecture: 'amd64' }, null],
  [{ os: 'linux', architecture: 'arm', variant: 'v7\u001b[2J' }, null],
  [{ os: 'windows', architecture: 'amd64', 'os.version': '10\r\nBcc: eve' }, null],
  [{ os: 'linux', architecture: 'x'.repeat(65) }, null],
])('%j is %j', (fields, platform) => {
  expect(normalisePlatform(fields)).toBe(platform)
})
