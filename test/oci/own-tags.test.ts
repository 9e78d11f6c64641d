import { describe, expect, it } from '@jest/globals'
import { isStagingTag, previousTag, stagingTag } from '../../src/oci/own-tags.ts'
import type { Platform } from '../../src/oci/platform.ts'
import { isTagName } from '../../src/oci/reference.ts'

const platform = (text: string) => text as Platform

describe('tags of our own', () => {
  it.each([
    ['1', null, '1.drydock'],
    ['1', 'linux/arm64', '1.drydock-linux-arm64'],
    ['1.2-rc', 'linux/arm/v7', '1.2-rc.drydock-linux-arm-v7'],
    ['w', 'windows/amd64;10.0.20348', 'w.drydock-windows-amd64-10.0.20348'],
  ])('stages %s for %s as %s', (tag, at, wanted) => {
    expect(stagingTag(tag, at === null ? null : platform(at))).toBe(wanted)
    expect(isStagingTag(wanted)).toBe(true)
  })

  it('cuts what would be too long, and keeps different tags apart', () => {
    const tags = [`${'a'.repeat(127)}b`, `${'a'.repeat(127)}c`]
    for (const name of [(tag: string) => stagingTag(tag, platform('linux/arm64')), stagingTag, previousTag]) {
      const [one, two] = tags.map((tag) => name(tag)) as [string, string]
      expect(one).not.toBe(two)
      for (const made of [one, two]) expect([isTagName(made), made.length]).toEqual([true, 128])
    }
    expect(isStagingTag(stagingTag(tags[0]!, platform('linux/arm64')))).toBe(true)
  })

  it.each(['1', 'drydock', '1-drydock', '1.drydock.2', '1.drydockx', '1.drydock-', '1.drydock-linux', '1-prev'])(
    'leaves %s to people',
    (tag) => expect(isStagingTag(tag)).toBe(false),
  )
  it('keeps the previous one beside it', () => expect(previousTag('1')).toBe('1-prev'))
})
