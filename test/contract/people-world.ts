import type { MemberRole, Visibility } from '../../src/people/person.ts'

/** People as a source may have them, in Portus' terms: roles are had in teams, and a team has namespaces. */
export type WorldUser = {
  name: string
  email: string | null
  displayName: string | null
  enabled: boolean
  bot: boolean
  admin: boolean
}
export type World = {
  users: WorldUser[]
  /** hidden: Portus' personal and global teams */
  teams: { name: string; hidden?: boolean; members: Record<string, MemberRole> }[]
  /** "_": the global one */
  namespaces: { name: string; team: string; visibility: Visibility }[]
}

export const user = (name: string, more: Partial<WorldUser> = {}): WorldUser => ({
  ...{ name, email: `${name}@example.org`, displayName: null, enabled: true, bot: false, admin: false },
  ...more,
})

/** One of everything that counts. */
export const world = (): World => ({
  users: [
    user('ada', { displayName: 'Ada Lovelace' }),
    user('bob'),
    user('eve', { enabled: false }),
    user('ci', { bot: true }),
    user('root', { admin: true }),
    user('özgür', { email: 'o@example.org', displayName: '☃ Özgür' }),
    user('nomail', { email: null }),
    user('Ann Marie Lee', { email: 'ann@example.org' }),
  ],
  teams: [
    { name: 'dev', members: { ada: 'owner', bob: 'contributor', eve: 'owner', ci: 'contributor', özgür: 'viewer' } },
    { name: 'ops', members: { bob: 'viewer', nomail: 'owner', 'Ann Marie Lee': 'contributor' } },
    { name: 'ada', hidden: true, members: { ada: 'owner' } },
    { name: 'global', hidden: true, members: { root: 'owner' } },
    { name: 'nobody', members: {} },
  ],
  namespaces: [
    { name: 'app', team: 'dev', visibility: 'private' },
    { name: 'app-2', team: 'dev', visibility: 'public' },
    { name: 'infra', team: 'ops', visibility: 'protected' },
    { name: 'ada', team: 'ada', visibility: 'private' },
    { name: '_', team: 'global', visibility: 'public' },
    { name: 'empty', team: 'nobody', visibility: 'private' },
  ],
})

export const nobody = (): World => ({ users: [], teams: [], namespaces: [] })

export const many = (people: number): World => ({
  users: Array.from({ length: people }, (_, i) => user(`u${i}`)),
  teams: Array.from({ length: Math.ceil(people / 20) }, (_, t) => ({
    name: `t${t}`,
    members: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`u${t * 20 + i}`, 'contributor' as const])),
  })),
  namespaces: Array.from({ length: Math.ceil(people / 20) }, (_, t) => ({
    ...{ name: `n${t}`, team: `t${t}`, visibility: 'private' as const },
  })),
})
