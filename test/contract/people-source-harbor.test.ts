import { describe, expect, test } from '@jest/globals'
import { harbor } from '../../src/people/sources/harbor.ts'
import type { RegistryConfig } from '../../src/registry/registries.ts'
import { freePort } from '../support/free-port.ts'
import { type HarborServer, harborAccount, serveHarbor } from '../support/harbor-server.ts'
import { one, peopleSourceSuite } from './people-source.ts'
import { world } from './people-world.ts'

const knows = {
  cannotLack: ['everything', 'all people'],
  ...{ roles: true, disabled: false, bots: false, visibilities: ['private' as const, 'public' as const] },
}
const never = new AbortController().signal

type Said = { url: string; password?: string; projects?: string[] }
const config = ({ url, password, projects }: Said) => ({
  ...{ kind: 'harbor' as const, name: 'harbor', registry: 'reg.test', projects: projects ?? null },
  ...{ ...harborAccount, ...(password ? { password } : {}), place: { url, caFile: null, insecure: false } },
})
const source = (said: Said, registries: RegistryConfig[] = one) => harbor(config(said), registries)

describe('Harbor', () => {
  let server: HarborServer
  peopleSourceSuite(async () => {
    server = await serveHarbor()
    const closed = `http://127.0.0.1:${await freePort()}`
    return {
      set: async (said) => server.set(said),
      config: () => config({ url: server.url }),
      source: (registries) => source({ url: server.url }, registries),
      broken: (registries) => ({ source: source({ url: closed }, registries), code: 'unreachable' }),
      stranger: (registries) => source({ url: server.url, password: 'wrong-secret' }, registries),
      close: server.close,
    }
  }, knows)

  test('roles by their numbers; groups, robots and unknown roles are said to be left out', async () => {
    server.set(world())
    server.extra.empty = [
      { entity_name: 'admin', entity_type: 'u', role_id: 1 },
      { entity_name: 'dev', entity_type: 'u', role_id: 2 },
      { entity_name: 'guest', entity_type: 'u', role_id: 3 },
      { entity_name: 'keeper', entity_type: 'u', role_id: 4 },
      { entity_name: 'limited', entity_type: 'u', role_id: 5 },
      { entity_name: 'custom', entity_type: 'u', role_id: 6 },
      { entity_name: 'cn=developers,ou=groups', entity_type: 'g', role_id: 2 },
      { entity_name: 'robot$ci', entity_type: 'r', role_id: 2 },
    ]
    const { members, notes, people } = await source({ url: server.url }).read(never)
    expect(members.filter(({ namespace }) => namespace === 'empty').map(({ user, role }) => `${user} ${role}`)).toEqual(
      [...['admin owner', 'dev contributor', 'guest viewer', 'keeper contributor', 'limited viewer']],
    )
    // whom /users does not name are people without an address
    expect(people.find(({ name }) => name === 'keeper')).toMatchObject({ email: null, enabled: true })
    expect(people.map(({ name }) => name)).not.toContain('custom')
    expect(notes.find((note) => note.startsWith('groups'))).toContain('cn=developers')
    expect(notes.find((note) => note.includes('no known number'))).toMatch(/custom.*robot\$ci/)
    delete server.extra.empty
  })

  test.each([401, 403])(
    'without the right to list users (%i) there are people, without addresses, and it says so',
    async (status) => {
      server.set(world())
      server.refuse(/\/users$/, status)
      const { people, members, notes } = await source({ url: server.url }).read(never)
      server.refuse(null)
      expect(people.find(({ name }) => name === 'ada')).toMatchObject({ email: null, admin: false })
      expect(members).toContainEqual({ namespace: 'app', user: 'ada', role: 'owner', told: false })
      expect(notes.join()).toContain('may not list users')
    },
  )

  test('a project whose members it may not list makes the whole reading fail: nobody is dropped for it', async () => {
    server.set(world())
    server.refuse(/\/projects\/2\/members$/)
    await expect(source({ url: server.url }).read(never)).rejects.toMatchObject({ code: 'forbidden' })
    const { namespaces, notes } = await source({ url: server.url, projects: ['app', 'gone'] }).read(never)
    server.refuse(null)
    expect(namespaces.map(({ key }) => key)).toEqual(['app'])
    expect(notes.find((note) => note.includes('not seen'))).toContain('"gone"')
  })
})
