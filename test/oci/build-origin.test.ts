import { describe, expect, test } from '@jest/globals'
import { originOf, withoutPassword } from '../../src/oci/build-origin.ts'

const commit = 'c0ffee'.padEnd(40, '0')
const nothing = { args: {}, target: null, contexts: [], secrets: [], complete: null }
const vcs = (fields: object) => ({ buildkit_metadata: { vcs: fields } })

/** Shapes as BuildKit, GitHub and Tekton write them. */
describe('where a provenance says its source is', () => {
  test('SLSA v1, a git context: config source with commit and Dockerfile, and the arguments', () => {
    const predicate = {
      buildDefinition: {
        externalParameters: {
          configSource: {
            uri: 'https://git.io/o/r.git#refs/heads/main:sub',
            digest: { sha1: commit },
            path: 'x.Dockerfile',
          },
          request: {
            args: {
              'build-arg:A': '1',
              'build-arg:B': 7,
              target: 'run',
              'context:other': 'docker-image://x',
              cmdline: 'y',
            },
            secrets: [{ id: 'token', optional: true }, null],
          },
        },
      },
      runDetails: { metadata: { buildkit_completeness: { request: true } } },
    }
    expect(originOf(predicate)).toEqual({
      url: 'https://git.io/o/r.git#refs/heads/main:sub',
      revision: commit,
      dockerfile: 'x.Dockerfile',
      context: 'sub',
      request: { args: { A: '1' }, target: 'run', contexts: ['other'], secrets: ['token'], complete: true },
    })
  })

  test('SLSA v0.2: the config source of the invocation', () => {
    const predicate = {
      invocation: {
        configSource: { uri: 'https://git.io/o/r.git', digest: { sha1: commit }, entryPoint: 'Dockerfile' },
        parameters: { args: { 'build-arg:V': 'x' } },
      },
      metadata: { completeness: { parameters: false } },
    }
    expect(originOf(predicate)).toEqual({
      url: 'https://git.io/o/r.git',
      revision: commit,
      dockerfile: 'Dockerfile',
      context: '.',
      request: { ...nothing, args: { V: 'x' }, complete: false },
    })
  })

  test.each([
    ['a Dockerfile in the context', { 'localdir:context': 'app', 'localdir:dockerfile': 'app' }, 'Dockerfile', 'app'],
    ['below the context', { 'localdir:context': '.', 'localdir:dockerfile': 'docker' }, 'docker/Dockerfile', '.'],
    ['outside of it', { 'localdir:context': 'app', 'localdir:dockerfile': 'docker' }, 'docker/Dockerfile', 'app'],
    ['with its prefix', { 'vcs:localdir:context': 'app', 'vcs:localdir:dockerfile': 'app' }, 'Dockerfile', 'app'],
    ['neither', {}, null, null],
  ])('a local checkout that BuildKit recorded: %s', (_, dirs, dockerfile, context) => {
    const fields = { source: 'git@git.io:o/r.git', revision: commit, ...dirs }
    const found = { url: 'git@git.io:o/r.git', revision: commit, dockerfile, context, request: nothing }
    expect(originOf({ buildDefinition: {}, runDetails: { metadata: vcs(fields) } })).toEqual(found)
    expect(originOf({ metadata: { 'https://mobyproject.org/buildkit@v1#metadata': { vcs: fields } } })).toEqual(found)
  })

  test.each([
    [
      'its git material',
      {
        materials: [
          { uri: 'pkg:docker/a@1' },
          { uri: 'git+https://git.io/o/r@refs/heads/main', digest: { sha1: commit } },
        ],
      },
      'git+https://git.io/o/r@refs/heads/main',
      commit,
    ],
    [
      'its git dependency',
      {
        buildDefinition: {
          resolvedDependencies: [{ uri: 'git+https://git.io/o/r@refs/tags/v1', digest: { gitCommit: commit } }],
        },
      },
      'git+https://git.io/o/r@refs/tags/v1',
      commit,
    ],
    [
      'its source parameter',
      { buildDefinition: { externalParameters: { source: 'git+https://git.io/o/r' } } },
      'git+https://git.io/o/r',
      null,
    ],
    [
      'its workflow',
      {
        buildDefinition: {
          externalParameters: { workflow: { repository: 'https://github.com/o/r', ref: 'refs/heads/main' } },
        },
      },
      'https://github.com/o/r',
      'refs/heads/main',
    ],
  ])('another builder: %s', (_, predicate, url, revision) => {
    expect(originOf(predicate)).toMatchObject({ url, revision, dockerfile: null, context: null })
  })

  test.each([
    [
      'a context that is no git',
      { invocation: { configSource: { uri: 'https://x.io/context.tar.gz', digest: { sha256: 'a'.repeat(64) } } } },
    ],
    ['two git materials', { materials: [{ uri: 'git+https://git.io/a' }, { uri: 'git+https://git.io/b' }] }],
    ['nothing', {}],
    ['null', null],
    ['rubbish', { buildDefinition: 7, invocation: [], metadata: 'x', materials: {} }],
  ])('%s: none', (_, predicate) => {
    expect(originOf(predicate)).toBeNull()
  })

  test("Tekton's task is no Dockerfile", () => {
    const configSource = { uri: 'git+https://git.io/o/r', digest: { sha1: commit }, entryPoint: 'tasks/build.yaml' }
    expect(originOf({ invocation: { configSource } })).toMatchObject({
      dockerfile: null,
      context: null,
      revision: commit,
    })
  })
})

test.each([
  ['https://me:secret@git.io/o/r', 'https://git.io/o/r'],
  ['https://token@git.io/o/r', 'https://git.io/o/r'],
  ['git+https://x:y@git.io/o/r@refs/heads/main', 'git+https://git.io/o/r@refs/heads/main'],
  ['ssh://git@git.io/o/r', 'ssh://git@git.io/o/r'],
  ['ssh://git:secret@git.io/o/r', 'ssh://git.io/o/r'],
  ['git@git.io:o/r', 'git@git.io:o/r'],
  ['https://git.io/o/r@main', 'https://git.io/o/r@main'],
])('%s without its password', (url, expected) => {
  expect(withoutPassword(url)).toBe(expected)
})
