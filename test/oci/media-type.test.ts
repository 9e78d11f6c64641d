import { expect, test } from '@jest/globals'
import { bareMediaType, isIndex, isManifest, manifestAccept, mediaTypes } from '../../src/oci/media-type.ts'

test.each([
  [mediaTypes.ociIndex, true, false],
  [mediaTypes.dockerIndex, true, false],
  [mediaTypes.ociManifest, false, true],
  [mediaTypes.dockerManifest, false, true],
  [mediaTypes.ociArtifact, false, false],
  [mediaTypes.signedSchema1, false, false],
  [mediaTypes.ociConfig, false, false],
  ['application/json', false, false],
])('%s: index %s, manifest %s', (type, index, manifest) => {
  expect([isIndex(type), isManifest(type)]).toEqual([index, manifest])
})

test('a Content-Type is read without parameters, in lower case', () => {
  expect(bareMediaType('Application/JSON; charset=utf-8')).toBe('application/json')
  expect(bareMediaType('')).toBe('')
})

test('every kind of manifest is accepted, indexes first; no config, no layer', () => {
  const accepted = manifestAccept.split(', ')
  expect(accepted.slice(0, 2)).toEqual([mediaTypes.ociIndex, mediaTypes.dockerIndex])
  const others = [mediaTypes.ociConfig, mediaTypes.dockerConfig, mediaTypes.ociLayer, mediaTypes.dockerLayer]
  expect([...accepted, ...others].sort()).toEqual(Object.values(mediaTypes).sort())
})
