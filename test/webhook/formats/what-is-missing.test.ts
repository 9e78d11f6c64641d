import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Verdict } from '../../../src/webhook/envelope.ts'
import { judgeVerdicts } from '../../../src/webhook/judge-body.ts'
import { documented, receivedAt } from './documented.ts'
import { read, told } from './told.ts'

/** Events that lack what names their tag are followed by what else they have, or the registry is compared: none is passed over. */
const digest = `sha256:${'d'.repeat(64)}`
const headers = { ...documented('github-package').headers, 'x-github-event': 'package' }
const held = { tag: { name: '1', digest }, manifest: { digest } }
const version = { version: digest, package_url: 'ghcr.io/App/Run:1', container_metadata: held as object | null }
const published = (more: object, of: object | null = {}) => ({
  headers,
  body: {
    action: 'published',
    package: {
      name: 'Run',
      namespace: 'App',
      package_type: 'CONTAINER',
      package_version: of && { ...version, ...of },
      ...more,
    },
  },
})
const short = `sha256:dddddd`

describe('a container package of GitHub', () => {
  test.each<[string, object, object | null, string]>([
    ['whole', {}, {}, `look app/run:1@${short}`],
    ['without metadata', {}, { container_metadata: null }, `look app/run:1@${short}`],
    ['with an address without its tag', {}, { package_url: 'ghcr.io/app/run' }, `look app/run:1@${short}`],
    [
      'with its digest as tag',
      {},
      { package_url: `ghcr.io/app/run:${digest}`, version: null, container_metadata: null },
      `look app/run@${short}`,
    ],
    ['without an address', {}, { package_url: null }, `look app/run:1@${short}`],
    ['with an empty one', {}, { package_url: '' }, `look app/run:1@${short}`],
    [
      'of type docker, with neither',
      { package_type: 'docker' },
      { package_url: '', container_metadata: null },
      `look app/run@${short}`,
    ],
    ['without a version', {}, null, 'repository-change app/run'],
    ['without a version or a name', { name: null }, null, 'repository-change '],
    [
      'with an address that is none, and without a namespace',
      { namespace: '' },
      { package_url: ':::' },
      `repository-change :1@${short}`,
    ],
    ['of another host', {}, { package_url: 'ghcr.test/app/run:1' }, `other-registry app/run:1@${short}`],
    ['of another kind', { package_type: 'npm' }, { container_metadata: null }, 'irrelevant published'],
    ['of no kind', { package_type: null }, null, 'irrelevant published'],
  ])('%s', (_, more, of, expected) => {
    expect(told('github', published(more, of), { host: 'ghcr.io' })).toEqual([expected])
  })

  test('whatever it lacks, leads to a look or a comparison', () => {
    const odd = fc.option(fc.oneof(fc.string(), fc.constantFrom('', 'ghcr.io/a/b', 'a/b:sha256:x', digest)))
    const of = fc.record({ version: odd, package_url: odd, container_metadata: fc.option(fc.constantFrom({}, held)) })
    const more = fc.record({ name: odd, namespace: odd })
    fc.assert(
      fc.property(more, fc.option(of), (more, of) => {
        const verdicts = read('github', published(more, of), { host: 'ghcr.io' }) as Verdict[]
        const body = { bytes: Buffer.from(''), sha256: 'x', length: 0 }
        const { inbound } = judgeVerdicts('ghcr.io', verdicts, { body, receivedAt })
        expect(inbound?.rows).toHaveLength(1)
        const [row] = inbound!.rows
        // what another registry is named in, and names that no registry has, are kept and say so
        expect(
          inbound!.reconcile ||
            [null, 'other-registry', 'bad-repository', 'bad-tag', 'staging-tag'].includes(row!.reason),
        ).toBe(true)
      }),
    )
  })
})

describe('a push to Quay', () => {
  const { repository: _, ...rest } = documented('quay-push-2013').body as { repository: string }
  test.each<[string, object, string]>([
    ['without its repository', {}, 'look devtable/ubuntu:latest'],
    ['nor its name: by its address', { name: null }, 'look devtable/ubuntu:latest'],
    ['nor an address that is one', { namespace: '', docker_url: 'x' }, 'repository-change '],
  ])('%s', (_, more, expected) => {
    expect(told('quay', { headers: {}, body: { ...rest, ...more } })).toEqual([expected])
  })
})
