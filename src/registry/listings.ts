import { z } from 'zod'
import { isRepository, isTagName } from '../oci/reference.ts'
import { checkAbsence } from './absence.ts'
import { type AskRegistry, errorOf, type Question, repositoryPath } from './ask-registry.ts'
import { type Answer, place } from './exchange.ts'
import { resolveLocation } from './follow.ts'
import { parseNextLink } from './parse-link.ts'
import { RegistryError } from './registry-error.ts'

type Options = { signal?: AbortSignal }

/** Names asked for at once, and bytes of a page at most: a registry that does not page sends all. */
const pageLength = 1000
const pageBytes = 64 * 1024 * 1024

const TagPage = z.object({ tags: z.array(z.string()).nullish() })
const CatalogPage = z.object({ repositories: z.array(z.string()).nullish() })

/** The tags of a repository; none where the registry does not know it. Names that are no tag names are left out. */
export async function* listTags(
  registry: AskRegistry,
  repository: string,
  options: Options = {},
): AsyncGenerator<string> {
  const first = `${repositoryPath(repository)}/tags/list`
  for await (const answer of pages(registry, first, `repository:${repository}:pull`, options.signal)) {
    if (answer.status === 404) return checkAbsence(answer)
    yield* (read(TagPage, answer).tags ?? []).filter(isTagName)
  }
}

/** The repositories of a registry that this account may see. A registry without a catalog is an error: nothing is not none. */
export async function* listRepositories(registry: AskRegistry, options: Options = {}): AsyncGenerator<string> {
  for await (const answer of pages(registry, '_catalog', 'registry:catalog:*', options.signal)) {
    if (answer.status === 404) throw errorOf('GET', answer)
    yield* (read(CatalogPage, answer).repositories ?? []).filter(isRepository)
  }
}

/**
 * Page after page, along the `Link` headers, within the registry. The first page may be a 404.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
 */
async function* pages(
  registry: AskRegistry,
  path: string,
  scope: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Answer> {
  const get = (at: string | URL) => {
    const question: Question = { method: 'GET', path: at, scopes: [scope], maxBytes: pageBytes }
    return registry.ask(question, signal)
  }
  let answer = await get(`${path}?n=${pageLength}`)
  // 400 is what a registry says that allows only shorter pages; asked for none, it takes its own length.
  if (answer.status === 400) answer = await get(path)
  if (answer.status === 404) return yield answer
  yield* pagesFrom(registry, answer, get)
}

/** A first answer and those that follow it along `Link`, asked for with `get`. Each must be a 200. */
export async function* pagesFrom(
  registry: Pick<AskRegistry, 'url' | 'plain'>,
  first: Answer,
  get: (at: URL) => Promise<Answer>,
): AsyncGenerator<Answer> {
  let answer = first
  const seen = new Set<string>()
  for (;;) {
    if (answer.status !== 200) throw errorOf('GET', answer)
    yield answer
    const link = parseNextLink(answer.headers.link ?? '')
    if (link === null) return
    const next = resolveLocation(link, answer.url, registry.plain)
    if (next.origin !== registry.url.origin)
      throw new RegistryError('bad-response', `${place(answer.url)}: its next page is at ${next.origin}`)
    if (seen.has(next.href)) throw new RegistryError('bad-response', `${place(answer.url)}: its pages go in a circle`)
    seen.add(next.href)
    answer = await get(next)
  }
}

function read<T>(schema: z.ZodType<T>, { bytes, url }: Answer): T {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new RegistryError('bad-response', `${place(url)}: not a list as the specification has it`, { cause })
  }
}
