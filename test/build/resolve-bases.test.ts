import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pino from 'pino'
import type { BaseUse } from '../../src/build/dockerfile.ts'
import { namedPlatform } from '../../src/build/own-manifest.ts'
import { type BaseResolver, type Known, resolveBases } from '../../src/build/resolve-bases.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { makeRegistries, type Registries } from '../../src/registry/registries.ts'
import { pushImage, pushIndex, pushManifest, startSmall, type TestRegistry } from '../support/registry.ts'

/** A content that a daemon may hold, and that this registry shows to nobody who asks. */
const hidden = `sha256:${'d'.repeat(64)}` as Digest

describe('a base that is given by its digest', () => {
  let registry: TestRegistry
  let registries: Registries
  let there: Digest
  beforeAll(async () => {
    registry = await startSmall()
    const config = { name: registry.host, url: registry.url, username: null, password: null, insecure: false }
    registries = makeRegistries([config], pino({ level: 'silent' }))
    there = (await pushImage(registry.client, { repository: 'lib/base', tag: '1', layers: ['a'] })).manifestDigest
  })
  afterAll(async () => {
    registries.close()
    await registry.close()
  })

  const resolve = (name: string, more: Partial<BaseResolver> = {}, known?: Known) => {
    const resolver: BaseResolver = {
      ...{ d: { registries }, given: [], platform: 'linux/amd64', isShared: true, signal: AbortSignal.timeout(30_000) },
      registries: { client: async (reference) => registries.byName(reference.host) },
      pullByName: async () => hidden,
      ...more,
    }
    const reference = parseReference(name.replace('HOST', registry.host))!
    const use: BaseUse = { reference, role: 'runtime', counts: true, stage: 0, platform: null, start: 0, end: 0 }
    return resolveBases(resolver, [use], known)
  }
  const given = (digest: Digest) => ({ given: [{ name: `${registry.host}/lib/base:1`, digest }] })

  it('is asked for where others use the same daemon', async () => {
    expect(await resolve(`HOST/lib/base@${there}`)).toMatchObject([{ digest: there }])
    expect(await resolve('HOST/lib/base:1', given(there))).toMatchObject([{ digest: there }])
    await expect(resolve(`HOST/lib/base@${hidden}`)).rejects.toMatchObject({ code: 'base-absent' })
    await expect(resolve('HOST/lib/base:1', given(hidden))).rejects.toMatchObject({ code: 'base-absent' })
  })

  it('is left to a daemon of its own', async () => {
    expect(await resolve(`HOST/lib/base@${hidden}`, { isShared: false })).toMatchObject([{ digest: hidden }])
  })

  it('is not believed on a host that is never asked, but where the daemon found it by its name', async () => {
    const nobody = { registries: { client: async () => null } }
    await expect(resolve(`h.invalid/lib/base@${hidden}`, nobody)).rejects.toMatchObject({ code: 'base-unreachable' })
    const known: Known = { digests: new Map(), proved: new Set() }
    expect(await resolve('h.invalid/lib/base:1', nobody, known)).toMatchObject([{ digest: hidden }])
    expect(await resolve('h.invalid/lib/base:1', nobody, known)).toMatchObject([{ digest: hidden }])
    expect(await resolve(`h.invalid/lib/base@${hidden}`, nobody, known)).toMatchObject([{ digest: hidden }])
  })

  describe('of an index', () => {
    const trigger = (name: string) => `COPY ${name} /`
    const pushed: Record<string, Digest> = {}
    let index: string
    beforeAll(async () => {
      const image = async (name: string, platform: { os: string; architecture: string; variant?: string }) => {
        const config = { [name === 'v2' ? 'onbuild' : 'OnBuild']: [trigger(name)] }
        const spec = { repository: 'lib/many', layers: [name], platform, config }
        const made = await pushImage(registry.client, spec)
        pushed[name] = made.manifestDigest
        return made
      }
      const manifests = [
        await image('386', { os: 'linux', architecture: '386' }),
        await image('plain', { os: 'linux', architecture: 'amd64' }),
        await image('v2', { os: 'linux', architecture: 'amd64', variant: 'v2' }),
        await image('arm', { os: 'linux', architecture: 'arm64', variant: 'v8' }),
      ]
      const nameless = await image('nameless', { os: 'linux', architecture: 's390x' })
      const { mediaType, size, manifestDigest: digest } = nameless
      const made = await pushIndex(registry.client, {
        ...{ repository: 'lib/many', tag: '1', manifests },
        further: [{ mediaType, size, digest }],
      })
      index = `HOST/lib/many@${made}`
    })

    it.each([
      ['linux/amd64/v3', 'v2'],
      ['linux/amd64/v2', 'v2'],
      ['linux/amd64', 'plain'],
      ['LINUX/x86_64', 'plain'],
      ['linux/arm64/v9', 'arm'],
      ['linux/arm64', 'arm'],
      ['linux/386', '386'],
    ])('the daemon gets one manifest: for %s that of %s', async (platform, name) => {
      const [use] = await resolve(index, { platform })
      expect(use?.pull).toBe(`${registry.host}/lib/many@${pushed[name]}`)
      expect(use?.triggers).toEqual([trigger(name)])
    })

    it.each(['linux/s390x', 'linux/arm/v7', 'windows/amd64'])(
      'it gets nothing for %s, which is not there by its name',
      async (platform) =>
        expect(resolve(index, { platform })).rejects.toMatchObject({ code: 'platform-absent', retryable: false }),
    )

    it.each(['linux/amd64/v3/x', 'linux/', '/amd64', 'linux/amd 64', '', '$X/amd64', 'linux/*'])(
      'it gets nothing for "%s", which is no platform',
      async (platform) => expect(resolve(index, { platform })).rejects.toMatchObject({ code: 'base-invalid' }),
    )

    it('what cannot be told for certain is refused', async () => {
      const mediaType = 'application/vnd.oci.image.index.v1+json'
      const inner = { mediaType, size: 2, digest: index.split('@')[1] }
      const platform = { os: 'linux', architecture: 'amd64' }
      const body = { schemaVersion: 2, mediaType, manifests: [{ ...inner, platform }] }
      await pushManifest(registry.client, 'lib/many', 'nested', body, mediaType)
      await expect(resolve('HOST/lib/many:nested')).rejects.toMatchObject({ code: 'base-invalid' })
      const large = await pushImage(registry.client, {
        ...{ repository: 'lib/many', tag: 'large', layers: ['l'] },
        config: { Labels: { a: 'x'.repeat(5 * 1024 * 1024) } },
      })
      expect(large.manifestDigest).toMatch(/^sha256:/)
      await expect(resolve('HOST/lib/many:large')).rejects.toMatchObject({ code: 'too-large' })
    })
  })

  it("is asked for by one word of a platform too: the rest is the host's", () => {
    expect(namedPlatform('arm64', 'linux/amd64')).toBe('linux/arm64')
    expect(namedPlatform('linux', 'linux/arm64')).toBe('linux/arm64')
    expect(namedPlatform('windows(10.0.1)/amd64', 'linux/amd64')).toBe('windows/amd64;10.0.1')
  })
})
