import { describe, expect, test } from '@jest/globals'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { all } from '../support/all.ts'
import { type EventReceiver, receiveEvents } from '../support/event-receiver.ts'
import { pushImage, type TestRegistry, type TestRegistryOptions } from '../support/registry.ts'

/** What a registry tells of pushes and deletes. `part`: one that sends to `receiver` with token `secret`, as the suite around has it. */
export function notificationsSuite(
  start: (options: TestRegistryOptions) => Promise<TestRegistry>,
  part: () => { registry: TestRegistry; receiver: EventReceiver },
): void {
  describe('notifications', () => {
    const of = (repository: string, action: string) =>
      part()
        .receiver.events()
        .filter((event) => event.target.repository === repository && event.action === action)

    test('a push sends its blobs and then its manifest, with tag, digest and media type, one event a POST', async () => {
      const pushed = await pushImage(part().registry.client, { repository: 'told/push', tag: '1', layers: ['told'] })
      await part().receiver.until((events) =>
        events.some((e) => e.target.repository === 'told/push' && e.target.tag === '1'),
      )
      const events = of('told/push', 'push')
      expect(events.map((event) => event.target.mediaType)).toEqual([
        'application/octet-stream',
        'application/octet-stream',
        mediaTypes.ociManifest,
      ])
      expect(events.at(-1)!.target).toMatchObject({
        repository: 'told/push',
        digest: pushed.manifestDigest,
        tag: '1',
        size: pushed.size,
        url: `${part().registry.url}/v2/told/push/manifests/${pushed.manifestDigest}`,
      })
      const [post] = part().receiver.posts.filter((one) => one.events.some((event) => event.id === events.at(-1)!.id))
      expect(post).toMatchObject({
        authorization: 'Bearer secret',
        contentType: 'application/vnd.docker.distribution.events.v1+json',
        events: { length: 1 },
      })
    })

    test('times are in nanoseconds and grow', async () => {
      for (const tag of ['1', '2', '3'])
        await pushImage(part().registry.client, { repository: 'told/times', tag, layers: [tag] })
      await part().receiver.until((events) =>
        events.some((e) => e.target.repository === 'told/times' && e.target.tag === '3'),
      )
      const times = of('told/times', 'push').map((event) => event.timestamp.replace(/Z$/, '').padEnd(29, '0'))
      expect(times).toEqual([...new Set(times)].sort())
      expect(times.every((time) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}$/.test(time))).toBe(true)
    })

    test('deleting a digest takes every tag on it along, and tells so', async () => {
      const { manifestDigest } = await pushImage(part().registry.client, {
        repository: 'told/delete',
        tag: '1',
        layers: ['gone'],
      })
      await part().registry.client.putManifest(
        'told/delete',
        '2',
        (await part().registry.client.getManifest('told/delete', '1'))!,
      )
      const deleted = await fetch(`${part().registry.url}/v2/told/delete/manifests/${manifestDigest}`, {
        method: 'DELETE',
      })
      expect(deleted.status).toBe(202)
      for (const reference of ['1', '2', manifestDigest])
        expect(await part().registry.client.headManifest('told/delete', reference)).toBeNull()
      expect(await all(part().registry.client.listTags('told/delete'))).toEqual([])
      await part().receiver.until(() => of('told/delete', 'delete').length >= 3)
      const [first, ...tags] = of('told/delete', 'delete').map(({ target }) => target)
      expect(first).toMatchObject({ digest: manifestDigest })
      expect(first!.tag ?? '').toBe('')
      expect(first!.mediaType ?? '').toBe('')
      expect(tags.map((target) => [target.digest ?? '', target.tag]).sort()).toEqual([
        ['', '1'],
        ['', '2'],
      ])
    })
  })

  test('a refused event is sent again, in its order, before any later one', async () => {
    let refusals = 3
    const slow = await receiveEvents(() => (refusals-- > 0 ? 500 : 202))
    const own = await start({ endpoints: [{ url: slow.url, token: 't' }] })
    try {
      await pushImage(own.client, { repository: 'told/again', tag: '1', layers: ['again'] })
      await slow.until((events) => events.some((event) => event.target.tag === '1'))
      const ids = slow.posts.map((post) => post.events[0]!.id)
      expect(ids.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => ids[0]))
      expect(new Set(ids.slice(3)).size).toBe(ids.length - 3)
    } finally {
      await own.close()
      await slow.close()
    }
  })
}
