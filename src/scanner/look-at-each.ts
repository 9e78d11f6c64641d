import { z } from 'zod'
import type { Deps } from '../deps.ts'
import type { Asker } from '../people/sources/ask-json.ts'
import { readAll } from '../people/sources/read-all.ts'
import { SourceError } from '../people/sources/source.ts'
import { type DueLayer, type DueTag, forgetTags, noteAsked, noteAskedLayers } from './due-looks.ts'
import { type PortusTag, tagsInPortus } from './tags-in-portus.ts'
import { tagsOfLayer } from './tags-of-layer.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'log'>
/** `left`: how many tags Portus may still be asked to look at. `list`: a repository's tags in Portus, or why they cannot be had. */
type Run = {
  askers: Askers
  signal: AbortSignal
  most: number
  left: number
  failures: number
  done: Set<number>
  list: (repository: string) => Promise<PortusTag[] | SourceError>
}

const Repositories = z.array(z.object({ id: z.int(), full_name: z.string() }))
/** `lists`: with the patience of those (tags-in-portus.ts). */
type Askers = { asker: Asker; lists: Asker }

/** So many in a row are Portus' own, not of a repository or a tag. */
const mostFailures = 5
const ofAll = new Set<string>(['unreachable', 'timeout', 'unauthorized', 'forbidden'])
/** A list may be too long for Portus, or for what stands between. */
const ofAllAtList = new Set<string>(['unauthorized', 'forbidden'])

/**
 * Has Portus look at these, repository by repository, at most `most` tags; the others stay due. What Portus does not know (yet) it will
 * look at by itself when it does. Whatever fails of one repository or tag counts as asked, and is asked for again later, so that it keeps
 * no other waiting; rejects with a SourceError where Portus as a whole does not answer.
 */
export async function lookAtEach(
  d: Needs,
  askers: Askers,
  { tags, layers }: { tags: readonly DueTag[]; layers: readonly DueLayer[] },
  most: number,
  signal: AbortSignal,
): Promise<{ asked: number; full: boolean }> {
  const all = await readAll(askers.asker, Repositories, '/api/v1/repositories', signal)
  const ids = new Map(all.map((r) => [r.full_name, r.id]))
  const listed = new Map<string, PortusTag[] | SourceError>()
  const list = async (repository: string) => {
    const there = listed.get(repository) ?? (await tagsOf(d, run, ids.get(repository)))
    listed.set(repository, there)
    return there
  }
  const run: Run = { askers, signal, most, left: most, failures: 0, done: new Set(), list }
  for (const [repository, own] of Map.groupBy(tags, (tag) => tag.repository))
    if (run.left > 0) await lookAtTags(d, run, repository, own)
  for (const layer of layers) if (run.left > 0) await lookAtLayer(d, run, layer)
  return { asked: most - run.left, full: run.left <= 0 }
}

/** Empty of a repository that Portus does not know. */
async function tagsOf(d: Needs, run: Run, id: number | undefined): Promise<PortusTag[] | SourceError> {
  try {
    return id === undefined ? [] : await tagsInPortus(run.askers.lists, id, run.signal)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    count(d, run, error, { repository: id })
    return error
  }
}

async function lookAtTags(d: Needs, run: Run, repository: string, tags: readonly DueTag[]): Promise<void> {
  const there = await run.list(repository)
  if (there instanceof SourceError) {
    await noteAsked(d, tags)
    return endIfOver(run, there, ofAllAtList)
  }
  const byName = new Map(there.map((tag) => [tag.name, tag]))
  for (const due of tags) {
    const tag = byName.get(due.tag)
    if (tag && run.left <= 0) return
    await look(d, run, tag ? [tag] : [], () => noteAsked(d, [due]))
    if (!tag && due.shown === '') await forgetTags(d, [due.ref])
  }
}

/** Its tags at once, or in the next run: of more than a run may ask for, the first. */
async function lookAtLayer(d: Needs, run: Run, layer: DueLayer): Promise<void> {
  const there = await run.list(layer.repository)
  if (there instanceof SourceError) {
    await noteAskedLayers(d, [layer])
    return endIfOver(run, there, ofAllAtList)
  }
  const own = (await tagsOfLayer(d, layer.name, there)).filter((tag) => !run.done.has(tag.id))
  if (own.length <= run.left || run.left === run.most)
    return look(d, run, own.slice(0, run.left), () => noteAskedLayers(d, [layer]))
  run.left = 0
}

/** Noted also where one fails, and before anything of it is thrown. */
async function look(d: Needs, run: Run, tags: readonly PortusTag[], note: () => Promise<void>): Promise<void> {
  let last: SourceError | null = null
  for (const { id } of tags) {
    run.left--
    run.done.add(id)
    try {
      await run.askers.asker.post(`/api/v1/vulnerabilities/${id}`, run.signal)
      run.failures = 0
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      count(d, run, error, { tag: id })
      last = error
      if (isOver(run, error)) break
    }
  }
  await note()
  if (last !== null) endIfOver(run, last)
}

function count(d: Needs, run: Run, error: SourceError, what: object): void {
  run.failures++
  d.log.info({ err: error, ...what }, 'Portus was asked to look again, and answers something else; it is asked later')
}

/** Whether it is Portus that does not answer, rather than for this repository or tag. */
const isOver = ({ failures }: Run, { code }: SourceError, of = ofAll): boolean =>
  of.has(code) || failures >= mostFailures

function endIfOver(run: Run, error: SourceError, of = ofAll): void {
  if (isOver(run, error, of)) throw error
}
