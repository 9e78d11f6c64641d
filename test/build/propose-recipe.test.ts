import { describe, expect, test } from '@jest/globals'
import { normaliseGitUrl } from '../../src/build/normalise-git-url.ts'
import { proposeRecipe } from '../../src/build/propose-recipe.ts'
import type { ObservedOrigin } from '../../src/ingest/observe-origin.ts'
import { type BuildRequest, nothingAsked } from '../../src/oci/build-origin.ts'

const commit = 'c0ffee'.padEnd(40, '0')

describe('addresses of sources', () => {
  test.each([
    ['https://git.io/o/r.git', 'https://git.io/o/r.git', null, null],
    ['https://git.io/o/r/', 'https://git.io/o/r', null, null],
    ['git+https://git.io/o/r@refs/heads/main', 'https://git.io/o/r', 'main', null],
    [`https://git.io/o/r@${commit}`, 'https://git.io/o/r', commit, null],
    ['https://git.io/o/r.git#refs/tags/v1:sub/dir', 'https://git.io/o/r.git', 'v1', 'sub/dir'],
    ['https://git.io/o/r.git#:sub', 'https://git.io/o/r.git', null, 'sub'],
    ['https://git.io/o/r.git#main', 'https://git.io/o/r.git', 'main', null],
    ['https://git.io/o/r.git?branch=main&subdir=a', 'https://git.io/o/r.git', 'main', 'a'],
    ['https://git.io/o/r.git#refs/pull/7/merge', 'https://git.io/o/r.git', 'refs/pull/7/merge', null],
    ['git@git.io:o/r.git', 'https://git.io/o/r.git', null, null],
    ['git@git.io:/o/r.git#main', 'https://git.io/o/r.git', 'main', null],
    ['ssh://git@git.io/o/r.git', 'https://git.io/o/r.git', null, null],
    ['ssh://git@git.io:2222/o/r.git', 'ssh://git@git.io:2222/o/r.git', null, null],
    ['git://git.io/o/r', 'https://git.io/o/r', null, null],
    ['github.com/o/r', 'https://github.com/o/r', null, null],
    ['http://git.io/o/r', 'http://git.io/o/r', null, null],
    ['https://github.com/o/r/tree/v2/sub/dir', 'https://github.com/o/r', 'v2', 'sub/dir'],
    [`https://github.com/o/r/blob/${commit}/sub/Dockerfile`, 'https://github.com/o/r', commit, 'sub'],
    ['https://gitlab.com/a/b/c/-/tree/main', 'https://gitlab.com/a/b/c', 'main', null],
    [
      'https://github.com/docker-library/x.git#abc:latest/glibc',
      'https://github.com/docker-library/x.git',
      'abc',
      'latest/glibc',
    ],
    ['our source code', 'our source code', null, null],
    ['ext::sh -c id', 'ext::sh -c id', null, null],
    ['file:///etc', 'file:///etc', null, null],
  ])('%s', (said, url, ref, subdir) => {
    expect(normaliseGitUrl(said)).toEqual({ url, ref, subdir })
  })
})

const origin = (
  evidence: ObservedOrigin['evidence'],
  url: string,
  more: Partial<ObservedOrigin> = {},
): ObservedOrigin => ({
  ...{ subject: 'sha256:s', source: `sha256:${evidence}`, evidence, url },
  ...{ revision: null, dockerfile: null, context: null, request: nothingAsked },
  ...more,
})
const asked = (more: Partial<BuildRequest>): BuildRequest => ({ ...nothingAsked, complete: true, ...more })
const propose = (origins: ObservedOrigin[], platforms = ['linux/amd64']) =>
  proposeRecipe(origins, { platforms, gitProtocols: ['https', 'ssh'] })!
const codes = (origins: ObservedOrigin[], platforms = ['linux/amd64']) =>
  propose(origins, platforms).doubts.map(({ path, code }) => `${path} ${code}`.trim())

describe('a proposal', () => {
  test('from complete provenance: everything is said; only that the commit is fixed', () => {
    const found = propose([
      origin('provenance', 'https://git.io/o/r.git#refs/heads/main:app', {
        ...{ revision: commit, dockerfile: './docker/../x.Dockerfile', context: 'app' },
        request: asked({ args: { V: '1', BUILDKIT_SYNTAX: 'x', http_proxy: 'y', SOURCE_DATE_EPOCH: '0' } }),
      }),
    ])
    expect(found).toMatchObject({
      acceptable: true,
      recipe: {
        git: { url: 'https://git.io/o/r.git', ref: commit },
        ...{ context: 'app', dockerfile: 'x.Dockerfile', args: { V: '1' }, strategy: 'dockerfile' },
      },
      doubts: [{ path: 'git.ref', code: 'fixed-commit', message: expect.stringContaining('main') }],
    })
  })

  test('from annotations alone: what nobody says is the usual, and called so', () => {
    const found = propose([origin('annotation', 'https://git.io/o/r')])
    expect(found.recipe).toEqual({
      git: { url: 'https://git.io/o/r', ref: 'HEAD' },
      ...{ context: '.', dockerfile: 'Dockerfile', args: {}, strategy: 'dockerfile' },
    })
    expect(codes([origin('annotation', 'https://git.io/o/r')])).toEqual([
      'git.ref assumed',
      'context assumed',
      'dockerfile assumed',
      'args not-told',
    ])
  })

  test('the weaker fills in what the stronger leaves open, of the same source', () => {
    const origins = [
      origin('provenance', 'git@git.io:o/r.git', { context: 'x', request: asked({}) }),
      origin('label', 'https://git.io/o/r', { revision: 'v1' }),
    ]
    expect(propose(origins).recipe).toMatchObject({ git: { url: 'https://git.io/o/r.git', ref: 'v1' }, context: 'x' })
    expect(codes(origins)).toEqual(['dockerfile assumed'])
  })

  test('another source is told, and adds nothing', () => {
    const origins = [
      origin('annotation', 'https://git.io/o/r'),
      origin('label', 'https://git.io/fork', { revision: 'v1' }),
    ]
    expect(propose(origins).recipe.git).toEqual({ url: 'https://git.io/o/r', ref: 'HEAD' })
    expect(codes(origins)).toContain('git.url sources-differ')
  })

  test.each([
    ['http://git.io/o/r', 'https, ssh'],
    ['file:///srv/git/r', 'https, ssh'],
    ['ext::sh -c id', 'no address'],
    ['our source code', 'no address'],
    ['https://git.io/o/../r', 'no address'],
  ])('%s, which the installation refuses, is told with the reason', (url, says) => {
    const found = propose([origin('annotation', url)])
    expect(found.acceptable).toBe(false)
    expect(found.doubts[0]).toMatchObject({ path: 'git.url', code: 'refused', message: expect.stringContaining(says) })
  })

  test.each([
    ['git.ref', { revision: '--upload-pack=x' }],
    ['context', { context: '../up' }],
    ['dockerfile', { dockerfile: '/etc/passwd' }],
  ])('a %s that PUT would refuse is refused', (path, more) => {
    const found = propose([origin('provenance', 'https://git.io/o/r', more)])
    expect([found.acceptable, found.doubts[0]]).toMatchObject([false, { path, code: 'refused' }])
  })

  test('what a recipe cannot say is told', () => {
    const request = asked({ target: 'run', contexts: ['other'], secrets: ['token'] })
    const all = codes([
      origin('provenance', 'https://git.io/o/r', { request, context: '.', dockerfile: 'D', revision: 'v1' }),
    ])
    expect(all).toEqual(['left-out', 'left-out'])
  })

  test('the stage and the platforms it was built for are proposed', () => {
    const both = ['linux/amd64', 'linux/arm64/v8']
    const found = propose([origin('provenance', 'https://git.io/o/r', { request: asked({ target: 'run' }) })], both)
    expect(found.recipe).toMatchObject({ platforms: both, target: 'run' })
  })

  test('a shortened commit is doubted', () => {
    expect(codes([origin('label', 'https://git.io/o/r', { revision: 'abc1234' })])).toContain('git.ref abbreviated')
  })

  test('nothing said, nothing proposed', () => {
    expect(proposeRecipe([], { platforms: ['linux/amd64'], gitProtocols: ['https'] })).toBeNull()
  })
})
