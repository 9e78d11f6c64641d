import { describe, expect, test } from '@jest/globals'
import { portusApi } from '../../src/people/sources/portus-api.ts'
import type { RegistryConfig } from '../../src/registry/registries.ts'
import { freePort } from '../support/free-port.ts'
import { type PortusServer, type PortusVersion, portusAccount, servePortus } from '../support/portus-server.ts'
import { type Holder, one, peopleSourceSuite, registry, two } from './people-source.ts'
import { many, world } from './people-world.ts'

const knows = {
  cannotLack: ['everything', 'all people', 'all namespaces', 'all roles'],
  roles: false,
  disabled: true,
  bots: true,
  visibilities: ['private' as const, 'protected' as const, 'public' as const],
}
const never = new AbortController().signal

type Said = { url: string; token?: string; members?: 'all' | 'by-hand'; registry?: string | null }
const config = ({ url, token, members, registry: said }: Said) => ({
  ...{ kind: 'portus-api' as const, name: 'portus', registry: said ?? null, members: members ?? ('all' as const) },
  ...{ ...portusAccount, ...(token ? { token } : {}), place: { url, caFile: null, insecure: false } },
})
const source = (said: Said, registries: RegistryConfig[] = one) => portusApi(config(said), registries)

async function holder(version: PortusVersion, started: (server: PortusServer) => void): Promise<Holder> {
  const server = await servePortus(version)
  const closed = `http://127.0.0.1:${await freePort()}`
  started(server)
  return {
    set: async (said) => server.set(said),
    config: () => config({ url: server.url }),
    source: (registries) => source({ url: server.url }, registries),
    broken: (registries) => ({ source: source({ url: closed }, registries), code: 'unreachable' }),
    stranger: (registries) => source({ url: server.url, token: 'wrong-secret' }, registries),
    close: server.close,
  }
}

describe.each<PortusVersion>(['2.4.3', 'master', 'strict'])("the API of Portus' %s", (version) => {
  let server: PortusServer
  peopleSourceSuite(() => holder(version, (started) => (server = started)), knows)

  test('says that it tells no roles; by hand, nobody has one from here', async () => {
    server.set(world())
    const all = await source({ url: server.url }).read(never)
    expect(all.notes.join()).toContain('does not tell who has which role')
    const byHand = await source({ url: server.url, members: 'by-hand' }).read(never)
    expect(byHand.members).toEqual([])
    expect(byHand.people).toEqual(all.people)
    expect(byHand.namespaces).toEqual(all.namespaces)
    expect(byHand.notes.join()).toContain('by-hand')
  })

  test('says what no Portus is without; by hand, roles are none of that', async () => {
    server.set({ ...world(), namespaces: [] })
    const lacking = async (members: 'all' | 'by-hand') =>
      (await source({ url: server.url, members }).read(never)).lacking?.map(({ what }) => what)
    expect([await lacking('all'), await lacking('by-hand')]).toEqual([['namespaces', 'roles'], ['namespaces']])
  })

  test('asks nothing but GET, and each team once', async () => {
    server.set(many(100))
    const before = server.seen.length
    await source({ url: server.url }).read(never)
    const asked = server.seen.slice(before)
    expect(new Set(asked.map(({ method }) => method))).toEqual(new Set(['GET']))
    expect(asked.filter(({ path }) => path.includes('/members'))).toHaveLength(5)
  })

  test('of several registries one is to be named; one that is not configured is no source', async () => {
    server.set(world())
    server.hostnames.push('second.test')
    await expect(source({ url: server.url }).read(never)).rejects.toMatchObject({ code: 'no-such-registry' })
    const named = await source({ url: server.url, registry: 'reg.test' }, two).read(never)
    expect(named.namespaces.map(({ key }) => key)).toContain('reg.test/_')
    server.hostnames.pop()
    await expect(source({ url: server.url }, [registry('else.test')]).read(never)).rejects.toMatchObject({
      code: 'no-such-registry',
    })
  })
})
