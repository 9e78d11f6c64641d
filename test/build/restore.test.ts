import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { restoreTag } from '../../src/build/restore.ts'
import type { Deps } from '../../src/deps.ts'
import type { RegistryClient } from '../../src/registry/registries.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'
import { requires } from '../support/requires.ts'
import { buildDeps, freshContent, learnTags, pushContent } from './world.ts'

requires('docker-registry')('a restore that the registry interrupts', () => {
  let pg: TestDatabase
  let registry: TestRegistry
  let proxy: RegistryProxy
  let d: Deps
  let client: RegistryClient
  beforeAll(async () => {
    pg = await testDatabase()
    registry = await startDebianRegistry()
    proxy = await registryProxy(registry.port)
    d = buildDeps(pg, proxy)
    client = d.registries.byName(proxy.host)!
  })
  afterEach(() => {
    proxy.fate = () => 'through'
  })
  afterAll(async () => {
    d.registries.close()
    await proxy.close()
    await registry.close()
    await pg.close()
  })

  it.each(['1', '1-prev', '1.drydock-restore-now'])('at %s loses nothing, and asking again finishes it', async (at) => {
    const repository = `app/at-${at.toLowerCase().replaceAll('.', '-')}`
    const [old, now] = [freshContent(null, 'old'), freshContent(null, 'now')]
    await pushContent(client, repository, '1-prev', old)
    await pushContent(client, repository, '1', now)
    const ref = `${proxy.host}/${repository}:1`
    await learnTags(d, [ref, `${ref}-prev`])
    const heads = async (...tags: string[]) =>
      Promise.all(tags.map(async (tag) => (await client.headManifest(repository, tag))?.digest))
    proxy.fate = ({ method, path }) =>
      method === 'PUT' && path.endsWith(`/manifests/${at}`) ? { status: 503, body: '{}' } : 'through'
    await expect(restoreTag(d, ref)).rejects.toThrow('503')
    proxy.fate = () => 'through'
    expect(await heads('1', '1-prev', '1.drydock-restore-now')).toEqual(
      expect.arrayContaining([old.digest, now.digest]),
    )

    expect(await restoreTag(d, ref)).toMatchObject({ kind: 'restored' })
    expect(await heads('1', '1-prev')).toEqual([old.digest, now.digest])
    expect(await d.db.tag.findUniqueOrThrow({ where: { ref } })).toMatchObject({ headDigest: old.digest })
    expect(await restoreTag(d, ref)).toMatchObject({ kind: 'restored' })
    expect(await heads('1', '1-prev')).toEqual([now.digest, old.digest])
    expect(await d.db.tag.count({ where: { ref: `${ref}.drydock-restore-now` } })).toBe(0)
  })
})
