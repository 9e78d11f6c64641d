import { expect, test } from '@jest/globals'
import { formats } from '../../../src/webhook/formats/formats.ts'
import { documented, receivedAt } from './documented.ts'
import { read, told } from './told.ts'

/** What vendors' own examples lead to. */
test.each<[string, string, string[]]>([
  ['harbor', 'harbor-push-tag', ['look test-webhook/debian:latest@sha256:8a9e98']],
  ['harbor', 'harbor-push-digest', ['look harbor/alpine@sha256:954b37']],
  ['harbor', 'harbor-pull', ['irrelevant PULL_ARTIFACT']],
  ['harbor', 'harbor-delete', ['look harbor/alpine:3.8@sha256:2bb501', 'look harbor/alpine@sha256:2bb501']],
  ['harbor', 'harbor-delete-cloudevents', ['look harbor/alpine:3.8@sha256:2bb501', 'look harbor/alpine@sha256:2bb501']],
  ['harbor', 'harbor-retention-cloudevents', ['repository-change harbor/alpine']],
  ['quay', 'quay-push', ['look dgangaia/test:latest']],
  ['quay', 'quay-push-2013', ['look devtable/ubuntu:latest']],
  ['quay', 'quay-build-queued', ['irrelevant notification']],
  ['dockerhub', 'dockerhub-push', ['look svendowideit/testhook:latest']],
  ['gitlab', 'gitlab-rename', ['repository-change foo/foo/project']],
  ['zot', 'zot-updated', ['push space/my-image:latest@sha256:abc0ab']],
  ['zot', 'zot-deleted', ['delete space/my-image:latest']],
  ['zot', 'zot-scanned', ['irrelevant zotregistry.image.scanned']],
  ['azure', 'azure-push', ['push hello-world:v1@sha256:80f0d5']],
  ['azure', 'azure-delete', ['delete hello-world@sha256:80f0d5']],
  ['azure', 'azure-grid-push', ['push aci-helloworld:v1@sha256:213bbc']],
  ['azure', 'azure-grid-delete', ['delete aci-helloworld@sha256:213bbc']],
  ['azure', 'azure-grid-cloudevents', ['push alpine:latest@sha256:a15790']],
  ['portus', 'portus-push', ['look lib/base:1@sha256:497df8']],
  ['portus', 'portus-push-form', ['look lib/base:1@sha256:497df8']],
])('%s: %s', (format, name, expected) => {
  expect(told(format, documented(name))).toEqual(expected)
})

test.each<[string, string, string, string[]]>([
  ['github', 'github-registry-package', 'ghcr.io', ['look codertocat/hello-world@sha256:3da199']],
  ['github', 'github-package', 'ghcr.io', ['look codertocat/hello-world@sha256:3da199']],
  ['github', 'github-package', 'ghcr.example', ['other-registry codertocat/hello-world@sha256:3da199']],
  ['google', 'google-insert-tag', 'us-west1-docker.pkg.dev', ['look my-project/my-repo/hello-world:1.1@sha256:6ec128']],
  ['google', 'google-insert-digest', 'us-west1-docker.pkg.dev', ['look my-project/my-repo/hello-world@sha256:6ec128']],
  ['google', 'google-delete-tag', 'us-west1-docker.pkg.dev', ['look my-project/my-repo/hello-world:1.1']],
  ['google', 'google-delete-tag', 'eu-docker.pkg.dev', ['other-registry my-project/my-repo/hello-world:1.1']],
])('%s: %s, at %s', (format, name, host, expected) => {
  expect(told(format, documented(name), { host })).toEqual(expected)
})

test('what is a fact keeps the id and the time to the nanosecond', () => {
  expect(read('azure', documented('azure-push'))).toMatchObject([
    { event: { eventId: 'cb8c3971-9adc-488b-bdd8-43cbb4974ff5', at: 1510937521343145347n } },
  ])
  expect(read('zot', documented('zot-updated'))).toMatchObject([
    { event: { eventId: '8f7c3f4e-5a1b-4a3e-9d9a-0c2f1c1f7a10', at: 1777716672123456789n, actor: 'john' } },
  ])
})

test('what only makes us ask has the time it names, else when it came, and who did it', () => {
  expect(read('harbor', documented('harbor-push-tag'))).toMatchObject([
    { event: { at: 1586922308n * 1_000_000_000n, actor: 'admin' } },
  ])
  expect(read('quay', documented('quay-push'))).toMatchObject([
    { event: { at: BigInt(receivedAt.getTime()) * 1_000_000n, actor: null } },
  ])
})

test("Event Grid's first question is answered with its code, and nothing else of it is used", () => {
  expect(read('azure', documented('azure-grid-validation'))).toEqual({
    validationResponse: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6',
  })
})

test("CloudEvents' own question of Event Grid is answered for an origin that can be one", () => {
  const { preflight } = formats.get('azure')!
  expect(preflight!({ 'webhook-request-origin': 'eventgrid.azure.net' })).toEqual({
    'webhook-allowed-origin': 'eventgrid.azure.net',
    'webhook-allowed-rate': '*',
  })
  expect(preflight!({ 'webhook-request-origin': 'a b\r\nset-cookie: c' })).toEqual({})
  expect(preflight!({})).toEqual({})
})
