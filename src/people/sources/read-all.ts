import type { z } from 'zod'
import type { Asker } from './ask-json.ts'
import { parseSaid } from './parse-said.ts'
import { SourceError } from './source.ts'

/** Pages of a list that are followed at most. */
const mostPages = 10_000

/** A whole list of Portus' API. 2.4.3 answers everything at once; later code has pages of 15, unless `all` is asked for, and says where the next is. */
export async function readAll<T extends z.ZodType<unknown[]>>(
  asker: Pick<Asker, 'get'>,
  schema: T,
  path: string,
  signal: AbortSignal,
): Promise<z.infer<T>> {
  const found: unknown[] = []
  let page = '1'
  for (let pages = 0; pages < mostPages; pages++) {
    const { body, headers } = await asker.get(path, { all: 'true', per_page: '100', page }, signal)
    found.push(...parseSaid(schema, body, path))
    const next = headers['x-next-page'] ?? ''
    if (next === '') return found as z.infer<T>
    if (!/^\d{1,9}$/.test(next) || Number(next) <= Number(page))
      throw new SourceError('nonsense', `${path}: says that its next page is ${JSON.stringify(next.slice(0, 20))}`)
    page = next
  }
  throw new SourceError('too-large', `${path}: has over ${mostPages} pages`)
}
