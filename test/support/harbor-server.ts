import type { World } from '../contract/people-world.ts'
import { type HttpServer, reply, serveHttp } from './http-server.ts'

/**
 * A server that answers as Harbor's API v2.0 does, with the definitions Project, ProjectMemberEntity and UserResp and the headers Link and
 * X-Total-Count of https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml, in pages of at most 100.
 */
export type HarborServer = HttpServer & {
  set: (world: World) => void
  /** what else members are there are, by project: groups, robots, roles of other numbers */
  extra: Record<string, { entity_name: string; entity_type: string; role_id: number }[]>
  /** the status of calls whose path matches, in place of their answer */
  refuse: (path: RegExp | null, status?: number) => void
}

export const harborAccount = { username: 'robot$drydock', password: 'robot-secret' }
const roles = { owner: 1, contributor: 2, viewer: 3 }

export async function serveHarbor(): Promise<HarborServer> {
  let world: World = { users: [], teams: [], namespaces: [] }
  let refused: { path: RegExp; status: number } | null = null
  const extra: HarborServer['extra'] = {}
  const basic = `Basic ${Buffer.from(`${harborAccount.username}:${harborAccount.password}`).toString('base64')}`
  const server = await serveHttp((request, response, url) => {
    const json = { 'content-type': 'application/json; charset=utf-8' }
    const problem = (status: number, code: string) =>
      reply(response, status, { errors: [{ code, message: code.toLowerCase() }] }, json)
    if (request.headers.authorization !== basic) return problem(401, 'UNAUTHORIZED')
    if (refused?.path.test(url.pathname)) return problem(refused.status, 'FORBIDDEN')
    const all = answer(world, extra, url.pathname)
    if (all === null) return problem(404, 'NOT_FOUND')
    const page = Number(url.searchParams.get('page') ?? 1)
    const size = Math.min(Number(url.searchParams.get('page_size') ?? 10), 100)
    const next: Record<string, string> =
      page * size < all.length ? { link: `<${url.pathname}?page=${page + 1}&page_size=${size}>; rel="next"` } : {}
    reply(response, 200, all.slice((page - 1) * size, page * size), {
      ...json,
      'x-total-count': String(all.length),
      ...next,
    })
  })
  return {
    ...server,
    extra,
    set(said) {
      world = said
    },
    refuse(path, status = 403) {
      refused = path && { path, status }
    },
  }
}

function answer({ users, teams, namespaces }: World, extra: HarborServer['extra'], path: string): object[] | null {
  if (path === '/api/v2.0/users')
    return users.map(({ name, email, displayName, admin }, i) => ({
      ...{
        user_id: i + 1,
        username: name,
        email: email ?? '',
        realname: displayName ?? '',
        comment: '',
        sysadmin_flag: admin,
      },
      ...{
        admin_role_in_auth: false,
        creation_time: '2024-01-01T00:00:00.000Z',
        update_time: '2024-01-01T00:00:00.000Z',
      },
    }))
  if (path === '/api/v2.0/projects')
    return namespaces.map(({ name, visibility }, i) => ({
      ...{ project_id: i + 1, owner_id: 1, name, owner_name: 'admin', repo_count: 1, deleted: false },
      ...{ metadata: { public: String(visibility === 'public') }, cve_allowlist: { id: i, items: null } },
    }))
  const project = /^\/api\/v2\.0\/projects\/(\d+)\/members$/.exec(path)?.[1]
  const namespace = project === undefined ? undefined : namespaces[Number(project) - 1]
  if (!namespace) return null
  const members = teams.find(({ name }) => name === namespace.team)?.members ?? {}
  const entities = Object.entries(members).map(([entity_name, role]) => ({
    entity_name,
    entity_type: 'u',
    role_id: roles[role],
  }))
  return [...entities, ...(extra[namespace.name] ?? [])].map((entity, i) => ({
    id: i + 1,
    project_id: Number(project),
    entity_id: i + 1,
    ...entity,
  }))
}
