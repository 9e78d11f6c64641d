import { JSONParser } from '@streamparser/json'
import { z } from 'zod'
import type { Asker } from '../people/sources/ask-json.ts'
import { readAll } from '../people/sources/read-all.ts'
import { type Limits, SourceError, usualLimits } from '../people/sources/source.ts'

const Tag = z.object({ id: z.int(), name: z.string(), digest: z.string().nullish() })
const Tags = z.array(Tag)
export type PortusTag = z.infer<typeof Tag>

/** Portus writes a list down whole before it begins to answer, with all vulnerabilities of each tag (its lib/api/entities.rb). */
export const listLimits: Limits = { ...usualLimits, idleMs: 60_000, totalMs: 600_000 }
const perPage = '20'
const mostBytes = 4 * 2 ** 30
const openingBracket = /^\s*\[/

/**
 * The tags of a repository in Portus, whatever is listed of each: read as it comes, tag by tag. 2.4.3 lists all at once; later code by id, in
 * pages. `asker`: with `listLimits`. Rejects with a SourceError, also where the list changed between its pages: one may be missing then.
 */
export async function tagsInPortus(asker: Asker, repository: number, signal: AbortSignal): Promise<PortusTag[]> {
  const path = `/api/v1/repositories/${repository}/tags`
  let total: string | undefined
  const get: Asker['get'] = async (_, { page }) => {
    const { parts, headers } = await asker.stream(path, { per_page: perPage, page: page! }, signal)
    total ??= headers['x-total']
    const body = await tagsOf(parts, path)
    if (headers['x-total'] !== total) throw new SourceError('source-failed', `${path}: changed while it was read`)
    return { body, headers }
  }
  return readAll({ get }, Tags, path, signal)
}

async function tagsOf(parts: AsyncIterable<Buffer>, path: string): Promise<unknown[]> {
  const tags: unknown[] = []
  const parser = new JSONParser({ paths: ['$.*'], keepStack: false })
  parser.onValue = ({ value }) => {
    const said = Tag.safeParse(value)
    tags.push(said.success ? said.data : null)
  }
  let bytes = 0
  let beginning = ''
  for await (const part of parts) {
    bytes += part.length
    if (bytes > mostBytes) throw new SourceError('too-large', `${path}: answers more than ${mostBytes} bytes`)
    if (beginning.trim() === '') beginning = part.toString('latin1')
    try {
      parser.write(part)
    } catch (error) {
      throw new SourceError('nonsense', `${path}: answers no JSON`, error)
    }
  }
  if (!parser.isEnded || !openingBracket.test(beginning)) throw new SourceError('nonsense', `${path}: answers no list`)
  return tags
}
