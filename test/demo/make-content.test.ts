import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { makeContent, sha256 } from '../../src/demo/make-content.ts'

const now = new Date('2026-11-21T05:00:00Z')
const base = makeContent(null, [{ command: 'COPY a /', path: 'etc/a', text: 'one\n' }], now)
const child = makeContent(base, [{ command: 'COPY b /', path: 'srv/b', text: 'two\n' }], now)
const configOf = (content: typeof base) => JSON.parse(content.config.toString())

describe('a child', () => {
  test('starts with the layers and history of what it is built on, and adds its own', () => {
    expect(child.layers.slice(0, 1)).toEqual(base.layers)
    expect(configOf(child).rootfs.diff_ids).toEqual([
      ...configOf(base).rootfs.diff_ids,
      sha256(gunzipSync(child.layers[1]!)),
    ])
    expect(configOf(child).history.map((entry: { created_by: string }) => entry.created_by)).toEqual([
      'COPY a /',
      'COPY b /',
    ])
  })

  test('is described by a manifest with the digest and size of every part', () => {
    const manifest = JSON.parse(child.manifest.toString())
    expect(child.digest).toBe(sha256(child.manifest))
    expect(manifest.config).toMatchObject({ digest: sha256(child.config), size: child.config.length })
    expect(manifest.layers.map((layer: { digest: string; size: number }) => [layer.digest, layer.size])).toEqual(
      child.layers.map((layer) => [sha256(layer), layer.length]),
    )
  })
})

test('a layer is a tar that tar itself reads', () => {
  const dir = mkdtempSync(join(tmpdir(), 'layer-'))
  try {
    writeFileSync(join(dir, 'layer.tar.gz'), child.layers[1]!)
    expect(execFileSync('tar', ['-xzf', join(dir, 'layer.tar.gz'), '-O', 'srv/b']).toString()).toBe('two\n')
  } finally {
    rmSync(dir, { recursive: true })
  }
})
