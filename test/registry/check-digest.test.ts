import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { checkDigest, digestedBytes, digestOf } from '../../src/registry/check-digest.ts'

const bytes = Buffer.from('abc')

test.each(['sha256', 'sha512'])('%s', (algorithm) => {
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest
  expect(digestOf(bytes, digest)).toBe(digest)
  expect(() => checkDigest(bytes, digest, 'here')).not.toThrow()
  expect(() => checkDigest(Buffer.from('abd'), digest, 'here')).toThrow(
    expect.objectContaining({ code: 'digest-mismatch', retryable: false, message: expect.stringContaining('here') }),
  )
})

test('a signed schema 1 manifest is digested without its signatures', () => {
  const payload = '{\n   "schemaVersion": 1,\n   "name": "a"\n}'
  const tail = '\n}'
  const length = payload.length - tail.length
  const header = Buffer.from(
    JSON.stringify({ formatLength: length, formatTail: Buffer.from(tail).toString('base64url') }),
  ).toString('base64url')
  const signed = Buffer.from(`${payload.slice(0, length)},\n   "signatures": [{"protected": "${header}"}]${tail}`)
  expect(digestedBytes(signed, mediaTypes.signedSchema1).toString()).toBe(payload)
  expect(digestedBytes(signed, mediaTypes.schema1)).toBe(signed)
  expect(digestedBytes(bytes, mediaTypes.signedSchema1)).toBe(bytes)
})
