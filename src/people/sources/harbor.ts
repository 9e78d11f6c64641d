import pLimit from 'p-limit'
import { z } from 'zod'
import type { PeopleSourceConfig } from '../../people-settings.ts'
import { parseNextLink } from '../../registry/parse-link.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import type { MemberRole, Visibility } from '../person.ts'
import { type Asker, makeAsker } from './ask-json.ts'
import { parseSaid } from './parse-said.ts'
import { type Claims, listed, snapshotOf } from './snapshot-of.ts'
import { type Lacking, type PeopleSource, SourceError, usualLimits } from './source.ts'

type Config = Extract<PeopleSourceConfig, { kind: 'harbor' }>

const id = z.number().int()
/** Definitions of https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml: Project, ProjectMemberEntity, UserResp. */
const Projects = z.array(
  z.object({
    project_id: id,
    name: z.string(),
    metadata: z.object({ public: z.string().nullish() }).nullish(),
  }),
)
const Members = z.array(z.object({ id, entity_name: z.string(), entity_type: z.string(), role_id: id }))
const Users = z.array(
  z.object({
    user_id: id,
    username: z.string(),
    email: z.string().nullish(),
    realname: z.string().nullish(),
    sysadmin_flag: z.boolean().nullish(),
  }),
)

/**
 * Harbor's roles by number (src/common/const.go): project admin, developer, guest, maintainer, limited guest. A maintainer may push and
 * delete, and not say who is a member: what a contributor is here.
 */
const roles: Readonly<Record<number, MemberRole>> = {
  1: 'owner',
  2: 'contributor',
  3: 'viewer',
  4: 'contributor',
  5: 'viewer',
}
/** What `metadata.public` may be; of a project without it nothing is said. */
const visibilities: Readonly<Record<string, Visibility>> = { true: 'public', false: 'private' }
const mayNotList = 'the account may not list users'
const pageSize = 100
const mostPages = 10_000
const atOnce = 4

/** Harbor's projects and their members, as a robot account or an admin. A project is a namespace. */
export function harbor(config: Config, registries: readonly RegistryConfig[], limits = usualLimits): PeopleSource {
  return {
    name: config.name,
    async read(signal) {
      const account = Buffer.from(`${config.username}:${config.password}`).toString('base64')
      const asker = makeAsker(config.place, { authorization: `Basic ${account}` }, limits)
      try {
        return snapshotOf(await claimsOf(config, asker, signal), registries.length)
      } finally {
        asker.close()
      }
    },
  }
}

async function claimsOf({ registry, projects: wanted }: Config, asker: Asker, signal: AbortSignal): Promise<Claims> {
  const all = <T extends z.ZodType<unknown[]>>(schema: T, path: string) => readAll(asker, schema, path, signal)
  const seen = await all(Projects, '/api/v2.0/projects')
  const projects = seen.filter(({ name }) => wanted === null || wanted.includes(name))
  const limit = pLimit(atOnce)
  const read = (project: number) => limit(() => all(Members, `/api/v2.0/projects/${project}/members`))
  const found = await Promise.all(projects.map(async (project) => ({ project, all: await read(project.project_id) })))
  const users = await usersOf(all)
  const members: Claims['members'] = []
  const groups = new Set<string>()
  const strange = new Set<string>()
  for (const { project, all: entities } of found)
    for (const { entity_name: user, entity_type: kind, role_id: number } of entities) {
      const role = roles[number]
      if (kind === 'g') groups.add(`${project.name}: ${user}`)
      else if (kind !== 'u' || !role) strange.add(`${project.name}: ${user}`)
      else members.push({ registry, namespace: project.name, user, role, told: false })
    }
  const known = users ?? []
  const named = new Set(known.map(({ username }) => username))
  const others = [...new Set(members.map(({ user }) => user))].filter((user) => !named.has(user))
  const person = { enabled: true, bot: false }
  return {
    people: [
      ...known.map(({ username, email, realname, sysadmin_flag: admin }) => ({
        ...{ ...person, name: username, email: email ?? null, displayName: realname ?? null, admin: admin === true },
      })),
      ...others.map((name) => ({ ...person, name, email: null, displayName: null, admin: false })),
    ],
    namespaces: projects.map(({ name, metadata }) => ({
      ...{ registry, name, visibility: visibilities[metadata?.public ?? ''] ?? null },
    })),
    members,
    lacking: [
      ...(users === null ? [lacksNames('forbidden', `${mayNotList}, as it could before`)] : []),
      ...(users?.length === 0 ? [lacksNames('nonsense', 'it lists no users at all, and did before')] : []),
    ],
    notes: [
      ...(users === null
        ? [
            `${mayNotList}: people have no addresses from here, and nobody is an admin; give it the system permission "list user", or addresses by a file or the API`,
          ]
        : []),
      ...listed('groups are not looked into: who is a member by a group alone is none here', [...groups].sort()),
      ...listed('members left out, as they are no users or have a role of no known number', [...strange].sort()),
      ...listed(
        'not seen, of the projects to be read',
        (wanted ?? []).filter((name) => !projects.some((p) => p.name === name)),
      ),
    ],
  }
}

const lacksNames = (code: Lacking['code'], message: string): Lacking => ({ what: 'names', code, message })

/** Null where the account may not list them. */
async function usersOf(
  all: <T extends z.ZodType<unknown[]>>(schema: T, path: string) => Promise<z.infer<T>>,
): Promise<z.infer<typeof Users> | null> {
  try {
    return await all(Users, '/api/v2.0/users')
  } catch (error) {
    // a robot that may not do this is told that it is not logged in
    if (error instanceof SourceError && (error.code === 'forbidden' || error.code === 'unauthorized')) return null
    throw error
  }
}

/** Page after page, until a page is the last by `Link`, and by `X-Total-Count` where that is told. */
async function readAll<T extends z.ZodType<unknown[]>>(
  asker: Asker,
  schema: T,
  path: string,
  signal: AbortSignal,
): Promise<z.infer<T>> {
  const found: unknown[] = []
  for (let page = 1; page <= mostPages; page++) {
    const { body, headers } = await asker.get(path, { page: String(page), page_size: String(pageSize) }, signal)
    const items = parseSaid(schema, body, path)
    found.push(...items)
    const total = Number(headers['x-total-count'] ?? 0)
    const more = parseNextLink(headers.link ?? '') !== null || found.length < total
    if (!more) return found as z.infer<T>
    if (items.length === 0)
      throw new SourceError('nonsense', `${path}: has ${found.length} of the ${total} that it says it has, and no more`)
  }
  throw new SourceError('too-large', `${path}: has over ${mostPages} pages`)
}
