import { expect, test } from '@jest/globals'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient } from '../../src/registry/client.ts'
import { all } from '../support/all.ts'
import { pushImage, registryUser, startDebianRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { startTokenServer } from '../support/token-server.ts'

requires('docker-registry')('Distribution 2.8 with a login', () => {
  test('Basic: a password gets everything, none gets `unauthorized`', async () => {
    const registry = await startDebianRegistry({ auth: 'htpasswd' })
    const url = new URL(registry.url)
    const [right, wrong] = [registryUser, { ...registryUser, password: 'x' }].map((credentials) =>
      makeClient({ url, credentials }),
    )
    try {
      const { manifestDigest } = await pushImage(right!, { repository: 'a/b', tag: '1', layers: ['x'] })
      expect((await right!.headManifest('a/b', '1'))?.digest).toBe(manifestDigest)
      expect(await all(right!.listRepositories())).toEqual(['a/b'])
      for (const client of [wrong!, registry.client])
        await expect(client.headManifest('a/b', '1')).rejects.toMatchObject({ code: 'unauthorized' })
    } finally {
      right!.close()
      wrong!.close()
      await registry.close()
    }
  })

  test.each(['token', 'access_token'] as const)(
    'Bearer, with %s: push, pull, mount, tags and catalog',
    async (field) => {
      const tokens = await startTokenServer({ user: registryUser, field })
      const registry = await startDebianRegistry({ auth: tokens.auth })
      const client = makeClient({ url: new URL(registry.url), credentials: registryUser })
      try {
        const pushed = await pushImage(client, { repository: 'a/b', tag: '1', layers: ['x'] })
        expect((await client.getManifest('a/b', '1'))?.digest).toBe(pushed.manifestDigest)
        expect(await client.mountBlob('c/d', pushed.configDigest, 'a/b')).toBe(true)
        expect(await all(client.listTags('a/b'))).toEqual(['1'])
        expect(await all(client.listRepositories())).toEqual(['a/b', 'c/d'])
        expect(await client.hasBlob('c/d', digestOf(Buffer.from('none')))).toBe(false)
        const sorted = (scope: string) => scope.replace(/[^:]+$/, (actions) => actions.split(',').sort().join())
        const asked = tokens.requests.map(({ scopes }) => scopes.map(sorted).join(' '))
        expect(asked).toEqual([...new Set(asked)])
        expect(asked).toEqual(expect.arrayContaining(['repository:a/b:pull,push', 'registry:catalog:*']))
        expect(tokens.requests.every(({ service }) => service === 'test, registry')).toBe(true)
        await expect(registry.client.headManifest('a/b', '1')).rejects.toMatchObject({ code: 'unauthorized' })
      } finally {
        client.close()
        await registry.close()
        await tokens.close()
      }
    },
  )
})
