import { describe, expect, it } from '@jest/globals'
import { type Layered, rebaseMerge } from '../../src/build/rebase-merge.ts'
import type { Digest } from '../../src/oci/digest.ts'

type Given = {
  layers: string[]
  run?: Record<string, unknown>
  history?: { created_by?: string; empty_layer?: boolean }[]
  fields?: Record<string, unknown>
}

const make = ({ layers, run = {}, history, fields = {} }: Given): Layered => ({
  config: {
    os: 'linux',
    architecture: 'amd64',
    config: run,
    rootfs: { type: 'layers', diff_ids: layers },
    history: history ?? layers.map((layer) => ({ created_by: `RUN ${layer}` })),
    ...fields,
  },
  layers: layers.map((layer) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest: `sha256:${layer}` as Digest,
    size: 1,
  })),
})

const created = '2026-01-01T00:00:00.000Z'
const rebase = (child: Given, oldBase: Given, newBase: Given) =>
  rebaseMerge(make(child), make(oldBase), make(newBase), created)
const run = (child: Record<string, unknown>, oldBase: Record<string, unknown>, newBase: Record<string, unknown>) =>
  rebase({ layers: ['a', 'x'], run: child }, { layers: ['a'], run: oldBase }, { layers: ['b'], run: newBase }).config
    .config

describe('a rebase', () => {
  it("puts the child's own layers on the new base's, in blobs and in diffIDs", () => {
    const made = rebase({ layers: ['a', 'b', 'x', 'y'] }, { layers: ['a', 'b'] }, { layers: ['c', 'd', 'e'] })
    expect(made.config.rootfs.diff_ids).toEqual(['c', 'd', 'e', 'x', 'y'])
    expect(made.layers.map((layer) => layer.digest)).toEqual(['c', 'd', 'e', 'x', 'y'].map((name) => `sha256:${name}`))
    expect(made.config.history?.map((entry) => entry.created_by)).toEqual(['RUN c', 'RUN d', 'RUN e', 'RUN x', 'RUN y'])
    expect(made.config.created).toBe(created)
  })

  it.each([
    ['a value the child took from the base', 'User', 'a', 'a', 'b', 'b'],
    ["the child's own value", 'User', 'c', 'a', 'b', 'c'],
    ['a value the child added', 'User', 'c', undefined, undefined, 'c'],
    ['a value the child removed', 'User', undefined, 'a', 'b', undefined],
    ['a value the new base adds', 'User', undefined, undefined, 'b', 'b'],
    ['a value the new base drops', 'User', 'a', 'a', undefined, undefined],
    ['null, which is absence', 'Entrypoint', null, undefined, ['/new'], ['/new']],
    ['a list as a whole', 'Cmd', ['x', 'y'], ['x'], ['z'], ['x', 'y']],
    ['an object as a whole, keys in any order', 'Healthcheck', { b: 1, a: 2 }, { a: 2, b: 1 }, { c: 3 }, { c: 3 }],
    ['a field nobody knows', 'Future', 1, 1, 2, 2],
  ])('merges %s', (_name, field, child, oldBase, newBase, expected) => {
    const made = run({ [field]: child }, { [field]: oldBase }, { [field]: newBase })
    expect(made?.[field]).toEqual(expected)
  })

  it('merges Env by variable, the order of the new base first', () => {
    const made = run(
      { Env: ['PATH=/app:/bin', 'V=1', 'OWN=x', 'EQ=a=b'] },
      { Env: ['PATH=/bin', 'V=1', 'GONE=1'] },
      { Env: ['N=1', 'V=2', 'PATH=/usr/bin', 'GONE=2'] },
    )
    expect(made?.Env).toEqual(['N=1', 'V=2', 'PATH=/app:/bin', 'OWN=x', 'EQ=a=b'])
  })

  it.each(['Labels', 'ExposedPorts', 'Volumes'])('merges %s by key', (field) => {
    const made = run(
      { [field]: { kept: 'c', same: 'a', own: 'c' } },
      { [field]: { kept: 'a', same: 'a', dropped: 'a' } },
      { [field]: { kept: 'b', same: 'b', dropped: 'b', added: 'b' } },
    )
    expect(made?.[field]).toEqual({ kept: 'c', same: 'b', added: 'b', own: 'c' })
  })

  it('replaces the base history, its empty entries too, and keeps the rest', () => {
    const step = (text: string, empty = false) => ({ created_by: text, ...(empty ? { empty_layer: true } : {}) })
    const made = rebase(
      { layers: ['a', 'x'], history: [step('a'), step('ENV old', true), step('LABEL own', true), step('x')] },
      { layers: ['a'], history: [step('a'), step('ENV old', true)] },
      { layers: ['b', 'c'], history: [step('b'), step('ENV new', true), step('c')] },
    )
    expect(made.config.history?.map((entry) => entry.created_by)).toEqual(['b', 'ENV new', 'c', 'LABEL own', 'x'])
  })

  it('finds the own history by layers where the histories tell different stories', () => {
    const made = rebase(
      { layers: ['a', 'x'], history: [{ created_by: 'other' }, { created_by: 'x' }] },
      { layers: ['a'], history: [{ created_by: 'a' }] },
      { layers: ['b'] },
    )
    expect(made.config.history?.map((entry) => entry.created_by)).toEqual(['RUN b', 'x'])
  })

  it('writes no history that would not account for the layers', () => {
    const made = rebase({ layers: ['a', 'x'], history: [] }, { layers: ['a'], history: [] }, { layers: ['b'] })
    expect(made.config).not.toHaveProperty('history')
  })

  it('keeps fields of the config it does not know, and takes the new version of Windows', () => {
    const made = rebase(
      { layers: ['a', 'x'], fields: { author: 'me', 'os.version': '10.0.1' } },
      { layers: ['a'], fields: { author: 'base', 'os.version': '10.0.1' } },
      { layers: ['b'], fields: { author: 'base', 'os.version': '10.0.2' } },
    )
    expect(made.config).toMatchObject({ author: 'me', 'os.version': '10.0.2' })
  })

  it.each([
    [
      'a base with more layers than its child',
      { layers: ['a'] },
      { layers: ['a', 'b'] },
      { layers: ['c'] },
      'not-a-prefix',
    ],
    ['a base that is another', { layers: ['a', 'x'] }, { layers: ['b'] }, { layers: ['c'] }, 'not-a-prefix'],
    ['a base without layers', { layers: ['a'] }, { layers: [] }, { layers: ['c'] }, 'not-a-prefix'],
    [
      'a base for another machine',
      { layers: ['a'] },
      { layers: ['a'] },
      { layers: ['c'], fields: { architecture: 'arm64' } },
      'platform-differs',
    ],
  ])('refuses %s', (_name, child, oldBase, newBase, code) => {
    expect(() => rebase(child, oldBase, newBase)).toThrow(expect.objectContaining({ code }))
  })
})
