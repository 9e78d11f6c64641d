import { z } from 'zod'
import type { Details } from '../access/audit.ts'
import type { Fragment } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/**
 * What an id stood for, looked up before the call is made, since afterwards it may be gone: `details` of routes that name their thing by
 * a UUID alone. `select`: of one row; it is asked for nothing where the id is none. null: there is no such thing.
 */
export async function lookUp(
  d: Pick<Deps, 'sql'>,
  id: string,
  select: (id: string) => Fragment,
): Promise<Details | null> {
  if (!z.uuid().safeParse(id).success) return null
  const [found] = await d.sql<Record<string, Details[string]>[]>`${select(id)}`
  return found ? { ...found } : null
}
