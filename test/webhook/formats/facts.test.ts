import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../../../src/demo/watch.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { type PushedImage, pushImage } from '../../support/push.ts'
import { type DebianRegistry, startDebianRegistry } from '../../support/registry.ts'
import { requires } from '../../support/requires.ts'
import { makeService, type TestService } from '../../support/service.ts'
import { type Documented, documented } from './documented.ts'

type Tag = { digest: string | null; status: string | null; causes: { base: string; from: string; to: string }[] }
type Event = {
  eventId: string
  action: string
  repository: string
  tag: string | null
  outcome: string
  reason: string | null
}

const patience = 90
const urlToken = 'a-token-for-addresses'

/** The whole service before a real registry that tells it nothing by itself: what it knows of pushes, it knows by these webhooks. */
requires('docker-registry')('an event leads to facts', () => {
  let pg: TestDatabase
  let registry: DebianRegistry
  let service: TestService
  beforeAll(async () => {
    pg = await testDatabase()
    registry = await startDebianRegistry()
    service = await makeService(pg.url)
    await service.start({
      DRYDOCK_REGISTRY_URL: registry.url,
      DRYDOCK_REGISTRY_NAME: registry.host,
      DRYDOCK_WEBHOOK_URL_TOKEN: urlToken,
      DRYDOCK_LOG_LEVEL: 'trace',
    })
    // the comparison at the start is over: from here on it is events alone
    await eventually('compared', patience, async () => {
      const { items } = await service.api<{ items: { reconciledAt: string | null }[] }>('GET', '/registries')
      return items[0]?.reconciledAt ?? null
    })
  })
  afterAll(async () => {
    await service?.close()
    await registry?.close()
    await pg?.close()
  })

  const push = (repository: string, tag: string, layers: string[], base?: PushedImage) =>
    pushImage(registry.client, { repository, tag, layers, ...(base ? { base } : {}) })
  const tagOf = (name: string) =>
    service.api<Tag>('GET', `/tags/${encodeURIComponent(`${registry.host}/${name}`)}`).catch((error: Error) => {
      if (error.message.includes('no-such-tag')) return null
      throw error
    })
  const until = (name: string, holds: (tag: Tag) => boolean) =>
    eventually(`${name} is as wanted`, patience, async () => {
      const tag = await tagOf(name)
      return tag && holds(tag) ? tag : null
    })
  /** It was there, and its last stay is over. */
  const untilGone = (name: string) =>
    eventually(`${name} is gone`, patience, async () => {
      const ref = encodeURIComponent(`${registry.host}/${name}`)
      const { items } = await service.api<{ items: { to: string | null }[] }>('GET', `/tags/${ref}/history`)
      return items[0]?.to ?? null
    })
  const events = async () => (await service.api<{ items: Event[] }>('GET', '/events?limit=100')).items

  async function send(
    format: string,
    { headers, body }: Pick<Documented, 'headers' | 'body'>,
    more: { query?: string; authorization?: string } = {},
  ) {
    const { query = '', authorization } = more
    const answer = await fetch(`${service.hook.url}/${format}${query}`, {
      method: 'POST',
      headers: { ...headers, ...(authorization ? { authorization } : {}) },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    expect(answer.status).toBe(202)
  }
  const bearer = { authorization: 'Bearer a-webhook-token-for-tests' }

  /** Harbor's documented payload, of another image. */
  const harbor = (name: string, of: { repository: string; tag: string; digest: string }) => {
    const { headers, body } = documented(name)
    const { event_data, ...rest } = body as { event_data: { repository: object } }
    const resources = [{ digest: of.digest, tag: of.tag, resource_url: `harbor.corp/${of.repository}:${of.tag}` }]
    return {
      headers,
      body: {
        ...rest,
        event_data: {
          ...event_data,
          resources,
          repository: { ...event_data.repository, repo_full_name: of.repository },
        },
      },
    }
  }
  const zot = (name: string, of: { repository: string; reference: string; digest: string; at: Date }) => {
    const { headers, body } = documented(name)
    return {
      headers: { ...headers, 'ce-id': randomUUID(), 'ce-time': of.at.toISOString() },
      body: { ...(body as object), name: of.repository, reference: of.reference, digest: of.digest },
    }
  }
  const portus = (of: { repository: string; tag: string; digest: string }) => {
    const { headers, body } = documented('portus-push-form')
    const { target, ...rest } = body as { target: object }
    return { headers, body: { ...rest, id: randomUUID(), target: { ...target, ...of } } }
  }

  let base: PushedImage
  test('Harbor: a push, the same body for another push, and a delete', async () => {
    base = await push('lib/base', '1', ['base one'])
    const told = harbor('harbor-push-tag', { repository: 'lib/base', tag: '1', digest: base.manifestDigest })
    await send('harbor', told, bearer)
    await until('lib/base:1', ({ digest }) => digest === base.manifestDigest)

    const second = await push('lib/other', '1', ['other one'])
    const other = harbor('harbor-push-tag', { repository: 'lib/other', tag: '1', digest: second.manifestDigest })
    await send('harbor', other, bearer)
    await until('lib/other:1', ({ digest }) => digest === second.manifestDigest)
    // what Harbor says of the digest is not taken over
    const third = await push('lib/other', '1', ['other two'])
    await send('harbor', other, bearer)
    await until('lib/other:1', ({ digest }) => digest === third.manifestDigest)

    const gone = await fetch(`${registry.url}/v2/lib/other/manifests/${third.manifestDigest}`, { method: 'DELETE' })
    expect(gone.status).toBe(202)
    await send(
      'harbor',
      harbor('harbor-delete', { repository: 'lib/other', tag: '1', digest: third.manifestDigest }),
      bearer,
    )
    await untilGone('lib/other:1')
  })

  test('Harbor: what is deleted by one tag is gone under its others too', async () => {
    const image = await push('lib/tags', '1', ['tags one'])
    await push('lib/tags', '2', ['tags one'])
    for (const tag of ['1', '2'])
      await send(
        'harbor',
        harbor('harbor-push-tag', { repository: 'lib/tags', tag, digest: image.manifestDigest }),
        bearer,
      )
    for (const tag of ['1', '2']) await until(`lib/tags:${tag}`, ({ digest }) => digest === image.manifestDigest)
    await fetch(`${registry.url}/v2/lib/tags/manifests/${image.manifestDigest}`, { method: 'DELETE' })
    await send(
      'harbor',
      harbor('harbor-delete', { repository: 'lib/tags', tag: '1', digest: image.manifestDigest }),
      bearer,
    )
    for (const tag of ['1', '2']) await untilGone(`lib/tags:${tag}`)
  })

  test('zot: a push at the time it says, and a delete', async () => {
    const child = await push('app/run', '1', ['run one'], base)
    const at = new Date(Date.now() - 1000)
    await send(
      'zot',
      zot('zot-updated', { repository: 'app/run', reference: '1', digest: child.manifestDigest, at }),
      bearer,
    )
    expect(await until('app/run:1', ({ status }) => status === 'current')).toMatchObject({
      digest: child.manifestDigest,
      pushedAt: at.toISOString(),
    })
    const short = await push('app/short', '1', ['short one'])
    await send(
      'zot',
      zot('zot-updated', { repository: 'app/short', reference: '1', digest: short.manifestDigest, at }),
      bearer,
    )
    await until('app/short:1', ({ digest }) => digest === short.manifestDigest)
    const later = new Date(at.getTime() + 500)
    await send(
      'zot',
      zot('zot-deleted', { repository: 'app/short', reference: '1', digest: short.manifestDigest, at: later }),
      bearer,
    )
    await untilGone('app/short:1')
  })

  test('Portus: the base moves, and what is based on it is outdated', async () => {
    const moved = await push('lib/base', '1', ['base two'])
    const basic = `Basic ${Buffer.from(`portus:${service.hook.token}`).toString('base64')}`
    // whatever digest is claimed: Portus would pass on anybody's
    const claimed = { repository: 'lib/base', tag: '1', digest: `sha256:${'0'.repeat(64)}` }
    await send('portus', portus(claimed), { authorization: basic })
    expect(await until('app/run:1', ({ status }) => status === 'outdated')).toMatchObject({
      causes: [{ base: `${registry.host}/lib/base:1`, from: base.manifestDigest, to: moved.manifestDigest }],
    })
  })

  test('Quay: a token in the address makes us ask, and what is not there leaves no trace', async () => {
    const image = await push('lib/quay', '1', ['quay one'])
    const { headers, body } = documented('quay-push')
    const told = { headers, body: { ...(body as object), repository: 'lib/quay', updated_tags: ['1', 'never'] } }
    await send('quay', told, { query: `?token=${urlToken}` })
    await until('lib/quay:1', ({ digest }) => digest === image.manifestDigest)
    await eventually('both were asked for', patience, async () => {
      const all = (await events()).filter(({ repository }) => repository === 'lib/quay')
      return all.length === 2 && all.every(({ outcome }) => outcome === 'handled') ? true : null
    })
    expect(await pg.sql`select ref from tag where name = 'never'`).toEqual([])
  })

  test('an event that only asked can be asked again', async () => {
    const image = await push('lib/quay', '1', ['quay two'])
    const all = await service.api<{ items: (Event & { id: string })[] }>('GET', '/events?limit=100')
    const { id } = all.items.find(({ repository, tag }) => repository === 'lib/quay' && tag === '1')!
    await service.api('POST', `/events/${id}/replay`)
    await until('lib/quay:1', ({ digest }) => digest === image.manifestDigest)
  })

  test('all that was sent was handled, and nothing that was written down holds a token', async () => {
    await eventually('all are handled', patience, async () =>
      (await events()).every(({ outcome }) => outcome === 'handled') ? true : null,
    )
    expect(service.log()).not.toContain(urlToken)
    expect(service.log()).not.toContain(service.hook.token)
  })
})
