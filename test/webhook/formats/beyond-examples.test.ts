import { describe, expect, test } from '@jest/globals'
import type { Verdict } from '../../../src/webhook/envelope.ts'
import { type deliveryOf, documented } from './documented.ts'
import { read, told } from './told.ts'

describe('what the examples do not show', () => {
  const dgangaia = documented('quay-push').body as object
  const hub = documented('dockerhub-push').body as { push_data: object; repository: object }
  const zot = documented('zot-updated')
  const ghcr = documented('github-registry-package')
  const pack = ghcr.body as { registry_package: { package_version: object } }
  const version = (more: object) => ({
    ...ghcr,
    body: {
      ...pack,
      registry_package: {
        ...pack.registry_package,
        package_version: { ...pack.registry_package.package_version, ...more },
      },
    },
  })
  const digest = `sha256:${'d'.repeat(64)}`
  const zotSays = (type: string, data: object) => ({
    headers: { ...zot.headers, 'ce-type': type },
    body: { ...(zot.body as object), ...data },
  })

  test.each<[string, string, Parameters<typeof deliveryOf>[0], string[] | null]>([
    [
      'several tags at once',
      'quay',
      { headers: {}, body: { ...dgangaia, updated_tags: ['1', '1.2', 'a b'] } },
      ['look dgangaia/test:1', 'look dgangaia/test:1.2', 'bad-tag dgangaia/test:a b'],
    ],
    [
      'a push without tags',
      'quay',
      { headers: {}, body: { ...dgangaia, updated_tags: [] } },
      ['repository-change dgangaia/test'],
    ],
    [
      'more tags than are asked for one by one',
      'quay',
      { headers: {}, body: { ...dgangaia, updated_tags: Array.from({ length: 1001 }, (_, i) => `${i}`) } },
      ['too-many-tags dgangaia/test'],
    ],
    ['no notification of Quay', 'quay', { headers: {}, body: { updated_tags: ['1'] } }, null],
    [
      'an official image',
      'dockerhub',
      { headers: {}, body: { ...hub, repository: { ...hub.repository, repo_name: 'debian' } } },
      ['look library/debian:latest'],
    ],
    [
      'a push without a tag',
      'dockerhub',
      { headers: {}, body: { ...hub, push_data: {} } },
      ['repository-change svendowideit/testhook'],
    ],
    [
      'what a build of ours stages',
      'dockerhub',
      { headers: {}, body: { ...hub, push_data: { tag: '1.drydock' } } },
      ['staging-tag svendowideit/testhook:1.drydock'],
    ],
    [
      'a path as repository',
      'dockerhub',
      { headers: {}, body: { ...hub, repository: { repo_name: '../etc' } } },
      ['bad-repository ../etc:latest'],
    ],
    [
      'a type with another prefix',
      'zot',
      zotSays('com.example.registry.image.updated', {}),
      ['push space/my-image:latest@sha256:abc0ab'],
    ],
    [
      'a push by digest',
      'zot',
      zotSays('zotregistry.image.updated', { reference: digest, digest }),
      ['push space/my-image@sha256:dddddd'],
    ],
    [
      'a delete by digest',
      'zot',
      zotSays('zotregistry.image.deleted', { reference: digest, digest }),
      ['delete space/my-image@sha256:dddddd'],
    ],
    [
      'an event without its time',
      'zot',
      { ...zot, headers: { ...zot.headers, 'ce-time': 'soon' } },
      ['bad-timestamp space/my-image:latest@sha256:abc0ab'],
    ],
    [
      'something else that ends so',
      'zot',
      zotSays('com.example.notimage.updated', {}),
      ['irrelevant com.example.notimage.updated'],
    ],
    ['no CloudEvent', 'zot', { headers: {}, body: zot.body }, null],
    ['a package of npm', 'github', version({ container_metadata: null }), ['irrelevant published']],
    [
      'an event of something else',
      'github',
      { headers: { 'x-github-event': 'star' }, body: { action: 'created', repository: {} } },
      ['irrelevant star'],
    ],
    [
      'a ping',
      'github',
      { headers: { 'x-github-event': 'ping' }, body: { zen: 'Keep it logically awesome.' } },
      ['irrelevant ping'],
    ],
    ['a push to git', 'github', { headers: { 'x-github-event': 'push' }, body: { ref: 'main' } }, ['irrelevant push']],
    ['what GitHub does not say of what it is', 'github', { headers: {}, body: { action: 'push' } }, null],
    ['a ping', 'azure', { headers: {}, body: { id: '1', action: 'ping', target: {} } }, ['irrelevant ping']],
    [
      'a chart',
      'azure',
      { headers: {}, body: { id: '1', action: 'chart_push', target: {} } },
      ['irrelevant chart_push'],
    ],
    [
      'a repository that goes',
      'azure',
      {
        headers: {},
        body: { id: '1', timestamp: '2017-11-17T16:54:53Z', action: 'delete', target: { repository: 'hello-world' } },
      },
      ['repository-delete hello-world'],
    ],
    [
      'a resource without repository',
      'harbor',
      { headers: {}, body: { type: 'PUSH_ARTIFACT', event_data: { resources: [{ tag: '1' }] } } },
      ['no-repository :1'],
    ],
    [
      'an artifact without resources',
      'harbor',
      { headers: {}, body: { type: 'DELETE_ARTIFACT', event_data: { repository: { repo_full_name: 'a/b' } } } },
      ['repository-change a/b'],
    ],
    [
      'a replication',
      'harbor',
      { headers: {}, body: { type: 'REPLICATION', event_data: {} } },
      ['irrelevant REPLICATION'],
    ],
    [
      'what Portus has of a blob',
      'portus',
      {
        headers: {},
        body: { action: 'push', target: { repository: 'a', mediaType: 'application/octet-stream', digest } },
      },
      ['irrelevant push'],
    ],
    ['several events', 'portus', { headers: {}, body: { events: [] } }, null],
    ['no message', 'google', { headers: {}, body: { message: {} } }, null],
  ])('%s (%s)', (_, format, payload, expected) => {
    expect(told(format, payload)).toEqual(expected)
  })

  test('a tag that GitHub names is asked for, under the name without capitals', () => {
    const tagged = version({ package_url: 'ghcr.io/Codertocat/hello-world:nightly' })
    expect(told('github', tagged, { host: 'ghcr.io' })).toEqual(['look codertocat/hello-world:nightly@sha256:3da199'])
  })

  test.each([
    ['percent-encoded as a whole', (json: string) => encodeURIComponent(json)],
    ['in a field', (json: string) => `payload=${encodeURIComponent(json)}`],
  ])('a form that is one: %s', (_, encode) => {
    const { headers, body } = documented('portus-push-form')
    expect(told('portus', { headers, body: encode(JSON.stringify(body)) })).toEqual(['look lib/base:1@sha256:497df8'])
    const { headers: own, body: published } = version({ package_url: 'ghcr.io/a/b:1' })
    const form = { ...own, 'content-type': headers['content-type']! }
    expect(told('github', { headers: form, body: encode(JSON.stringify(published)) }, { host: 'ghcr.io' })).toEqual([
      'look a/b:1@sha256:3da199',
    ])
  })

  test('CloudEvents in a batch, and with their data in base64', () => {
    const one = documented('harbor-delete-cloudevents').body as { data: object }
    const { data, ...rest } = one
    const encoded = { ...rest, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') }
    expect(told('harbor', { headers: {}, body: [one, encoded] })).toEqual([
      'look harbor/alpine:3.8@sha256:2bb501',
      'look harbor/alpine@sha256:2bb501',
      'look harbor/alpine:3.8@sha256:2bb501',
      'look harbor/alpine@sha256:2bb501',
    ])
  })

  test('messages of several topics never share an id, however long their names', () => {
    const { body } = documented('google-delete-tag')
    const of = (subscription: string) =>
      (read('google', { headers: {}, body: { ...(body as object), subscription } }) as Verdict[]).map(
        (verdict) => verdict.kind !== 'irrelevant' && verdict.event.eventId,
      )
    expect(of('a')).toEqual(['2070443601311542@a'])
    expect(of(`${'x'.repeat(300)}1`)).not.toEqual(of(`${'x'.repeat(300)}2`))
  })
})
