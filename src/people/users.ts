import type { Deps } from '../deps.ts'
import type { PutUser } from './person.ts'

/** A user as GET /users shows them. */
export type UserView = {
  name: string
  email: string | null
  displayName: string | null
  enabled: boolean
  bot: boolean
}

const fields = { name: true, email: true, displayName: true, enabled: true, bot: true } as const

/** Makes the user or replaces what is known of them. Key: the name. */
export function putUser(d: Pick<Deps, 'db'>, name: string, user: PutUser): Promise<UserView> {
  return d.db.user.upsert({ where: { name }, create: { name, ...user }, update: user, select: fields })
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
