import type { World } from '../contract/people-world.ts'
import { type HttpServer, reply, serveHttp } from './http-server.ts'
import { rowsOf } from './portus-tables.ts'

/**
 * A server that answers as Portus' API does: header `Portus-Auth`, entities of https://github.com/SUSE/Portus/blob/master/lib/api/entities.rb,
 * paths of lib/api/v1. `2.4.3` answers all at once, and a namespace that is both the caller's and visible twice (lib/api/helpers.rb,
 * accessible_namespaces); `master` in pages of 15 unless `all` is asked for (lib/api/helpers/pagination.rb); `strict` in pages whatever is asked.
 */
export type PortusVersion = '2.4.3' | 'master' | 'strict'
export type PortusServer = HttpServer & { set: (world: World) => void; hostnames: string[] }

export const portusAccount = { username: 'drydock', token: 'apptoken-1' }
const visibilities = ['private', 'protected', 'public']

export async function servePortus(version: PortusVersion): Promise<PortusServer> {
  let rows = rowsOf({ users: [], teams: [], namespaces: [] })
  const hostnames = ['reg.test']
  const server = await serveHttp((request, response, url) => {
    if (request.headers['portus-auth'] !== `${portusAccount.username}:${portusAccount.token}`)
      return reply(response, 401, { message: 'Authentication fails.' }, { 'content-type': 'application/json' })
    const all = answers(rows, hostnames, version)(url.pathname)
    if (all === null) return reply(response, 404, { message: 'Not found' }, { 'content-type': 'application/json' })
    const pagedHere = version !== '2.4.3' && !url.pathname.endsWith('/members') && !url.pathname.endsWith('/registries')
    if (!pagedHere || (version === 'master' && url.searchParams.has('all')))
      return reply(response, 200, all, { 'content-type': 'application/json' })
    const page = Number(url.searchParams.get('page') ?? 1)
    const size = Number(url.searchParams.get('per_page') ?? 15)
    const pages = Math.ceil(all.length / size)
    reply(response, 200, all.slice((page - 1) * size, page * size), {
      ...{ 'content-type': 'application/json', 'x-page': String(page), 'x-total': String(all.length) },
      'x-next-page': page < pages ? String(page + 1) : '',
    })
  })
  return {
    ...server,
    hostnames,
    set(world) {
      rows = rowsOf(world)
    },
  }
}

const answers = (rows: ReturnType<typeof rowsOf>, hostnames: string[], version: PortusVersion) => {
  const users = rows.users.map(({ encrypted_password: _, ...user }) => ({
    ...user,
    ...{ created_at: '2018-06-12T14:57:08.000Z', namespace_id: null, locked_at: null },
  }))
  const teams = new Map(rows.teams.map((team) => [team.id, team]))
  const namespaces = rows.namespaces.map(({ id, name, team_id, global, visibility }) => ({
    ...{ id, name: global ? hostnames[0] : name, global, visibility: visibilities[visibility] },
    ...{ team: teams.get(team_id), description: null },
  }))
  return (path: string): object[] | null => {
    if (path === '/api/v1/registries')
      return hostnames.map((hostname, i) => ({
        id: i + 1,
        name: `r${i}`,
        hostname,
        external_hostname: null,
        use_ssl: true,
      }))
    if (path === '/api/v1/users') return users
    if (path === '/api/v1/namespaces')
      return version === '2.4.3' ? [...namespaces.filter(({ global }) => global), ...namespaces] : namespaces
    const team = /^\/api\/v1\/teams\/(\d+)\/members$/.exec(path)?.[1]
    if (team === undefined || !teams.has(Number(team))) return null
    const ids = rows.team_users.filter(({ team_id }) => team_id === Number(team)).map(({ user_id }) => user_id)
    return users.filter(({ id }) => ids.includes(id))
  }
}
