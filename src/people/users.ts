import type { Deps } from '../deps.ts'
import { beginAnew, isSaid } from './begin-anew.ts'
import { lockPeople, mergePeople } from './merge-people.ts'
import type { PutUser } from './person.ts'

/** A user as GET /users shows them: what all sources together say. */
export type UserView = {
  name: string
  email: string | null
  displayName: string | null
  enabled: boolean
  bot: boolean
  admin: boolean
}

const fields = { name: true, email: true, displayName: true, enabled: true, bot: true, admin: true } as const

/**
 * Says of a user, as the source "local"; what is left out stays as it was said. Answers what then holds, with what other sources say. A
 * name that was somebody's once, and that no source says any more, begins anew. Key: the name.
 */
export function putUser(d: Pick<Deps, 'sql'>, name: string, user: PutUser): Promise<UserView> {
  return d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const members = (await isSaid(tx, name)) ? [] : await beginAnew(tx, [name])
    const { email, displayName, enabled, bot, admin } = user
    await tx`
      insert into person_said as s (source, name, email, display_name, enabled, bot, admin)
      values ('local', ${name}, ${email}, ${displayName ?? null}, ${enabled ?? true}, ${bot ?? false}, ${admin ?? false})
      on conflict (source, name) do update set email = excluded.email,
        display_name = case when ${displayName === undefined} then s.display_name else excluded.display_name end,
        enabled = coalesce(${enabled ?? null}, s.enabled), bot = coalesce(${bot ?? null}, s.bot), admin = coalesce(${admin ?? null}, s.admin)`
    await mergePeople(tx, { people: [name], namespaces: [], members })
    const [merged] = await tx<UserView[]>`
      select name, email, display_name, enabled, bot, admin from person where name = ${name}`
    if (!merged) throw new Error('a person who was just said has no row')
    return merged
  })
}

/**
 * Takes back what the source "local" said of a user: whom no other source knows is disabled, and loses all that was theirs here
 * (begin-anew.ts). False where it said nothing.
 */
export function removeUser(d: Pick<Deps, 'sql'>, name: string): Promise<boolean> {
  return d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const { count } = await tx`delete from person_said where source = 'local' and name = ${name}`
    const members = count > 0 && !(await isSaid(tx, name)) ? await beginAnew(tx, [name]) : []
    await mergePeople(tx, { people: [name], namespaces: [], members })
    return count > 0
  })
}

export function getUser(d: Pick<Deps, 'db'>, name: string): Promise<UserView | null> {
  return d.db.user.findUnique({ where: { name }, select: fields })
}

/** By name; `next` is the cursor of the page that follows, null after the last. */
export async function listUsers(
  d: Pick<Deps, 'db'>,
  page: { cursor: string | null; limit: number },
): Promise<{ items: UserView[]; next: string | null }> {
  const found = await d.db.user.findMany({
    ...(page.cursor === null ? {} : { where: { name: { gt: page.cursor } } }),
    orderBy: { name: 'asc' },
    take: page.limit + 1,
    select: fields,
  })
  const items = found.slice(0, page.limit)
  return { items, next: found.length > page.limit ? (items.at(-1)?.name ?? null) : null }
}
