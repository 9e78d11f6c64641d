import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pino from 'pino'
import type { BaseUse } from '../../src/build/dockerfile.ts'
import { type BaseResolver, type Known, resolveBases } from '../../src/build/resolve-bases.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { makeRegistries, type Registries } from '../../src/registry/registries.ts'
import { pushImage, startSmall, type TestRegistry } from '../support/registry.ts'

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
})
