import { describe, expect, test } from '@jest/globals'
import { isAttestation, observeImage } from '../../src/ingest/observe.ts'
import { basedOn, equalContent, type ManifestFacts, sameRelease } from '../../src/lineage/content.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { type ImageManifest, type Manifest, parseManifest } from '../../src/oci/manifest.ts'
import { familyBlob, loadFamily } from '../support/family.ts'

describe('the images of real builders', () => {
  const { pushes, truth } = loadFamily()
  const platformManifests = (digest: string): string[] => {
    const manifest = parseManifest(familyBlob(digest), '') as Manifest
    if (manifest.kind !== 'index') return [digest]
    return manifest.manifests.filter((m) => !isAttestation(m)).map((m) => m.digest)
  }
  const at = (ref: string, which: 'first' | 'last' = 'first'): ManifestFacts => {
    const found = pushes.filter((p) => `${p.repository}:${p.tag}` === ref)
    const digest = platformManifests(found.at(which === 'first' ? 0 : -1)!.digest)[0]! as Digest
    const manifest = parseManifest(familyBlob(digest), '') as ImageManifest
    const { manifest: row } = observeImage(digest, manifest, familyBlob(manifest.config.digest))
    return { ...row, firstPushAt: null, firstSeenAt: null }
  }
  const base = (text: string) => {
    const ref = text.split(' ')[0]!
    return at(ref, text.includes('pushed last') ? 'last' : 'first')
  }

  const byLayers = Object.entries(truth.bases).filter(([, b]) => b.immediate !== null && b.evidence?.includes('layers'))
  test.each(byLayers)('%s is based on what the truth says', (ref, { immediate }) => {
    expect(basedOn(at(ref), base(immediate!))).toBe(true)
    expect(basedOn(base(immediate!), at(ref))).toBe(false)
  })

  test.each(truth.equalContent)('%s and %s are equal content', (one, other) => {
    expect(equalContent(at(one), at(other))).toBe(true)
    expect(sameRelease(at(one), at(other))).toBe(true)
  })

  test('the base moved to another release', () => {
    expect(sameRelease(at('lib/base:1'), at('lib/base:1', 'last'))).toBe(false)
  })

  test.each(truth.artifacts)('%s has no lineage', (ref) => {
    const { digest } = pushes.find((p) => `${p.repository}:${p.tag}` === ref)!
    expect(parseManifest(familyBlob(digest), '')).toMatchObject({ kind: 'artifact' })
  })
})
