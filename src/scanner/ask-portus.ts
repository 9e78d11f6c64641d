/**
 * In: the flags as they are, what a real Clair found, and what Portus was answered with last.
 * Out: Portus looking again at every tag of which it may show something else; rows of `portus_look` and `clair_look`.
 * Guarantees: asked again, ever more rarely, until Portus came and was answered; no more than `mostAtOnce` tags a run and one run in
 * `pauseMs`; a Portus that is away is asked again later, and holds up nothing else.
 */
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { makeAsker } from '../people/sources/ask-json.ts'
import { readAll } from '../people/sources/read-all.ts'
import { SourceError, usualLimits } from '../people/sources/source.ts'
import {
  type DueLayer,
  type DueTag,
  dueLayers,
  dueTags,
  forgetTags,
  noteAsked,
  noteAskedLayers,
  tidyLooks,
} from './due-looks.ts'
import { tagsOfLayer } from './tags-of-layer.ts'
import { askablePortus, queuePortus } from './who-asks.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'log' | 'jobs'>
type Asker = ReturnType<typeof makeAsker>

const mostAtOnce = 100
const pauseMs = 10_000
const Repositories = z.array(z.object({ id: z.int(), full_name: z.string() }))
const Tags = z.array(z.object({ id: z.int(), name: z.string(), digest: z.string().nullish() }))
type PortusTag = z.infer<typeof Tags>[number]

/** The job. Rejects where Portus does not answer. */
export async function askPortus(d: Needs, signal: AbortSignal): Promise<void> {
  const portus = askablePortus(d.config)
  if (portus === null) return
  const left = mostAtOnce - (await askedLately(d))
  if (left <= 0) return queuePortus(d, later(d))
  await tidyLooks(d)
  const tags = await dueTags(d, left)
  const layers = await dueLayers(d, left - tags.length)
  if (tags.length + layers.length === 0) return
  const asker = makeAsker(portus, { 'portus-auth': `${portus.username}:${portus.token}` }, usualLimits)
  try {
    await lookAtEach(d, asker, tags, layers, signal)
  } finally {
    asker.close()
  }
  d.log.info({ tags: tags.length, images: layers.length }, 'asked Portus to look again')
  if (tags.length + layers.length >= left) await queuePortus(d, later(d))
}

const later = (d: Needs): Date => new Date(d.clock().getTime() + pauseMs)

async function askedLately(d: Needs): Promise<number> {
  const since = new Date(d.clock().getTime() - pauseMs)
  const [row] = await d.sql<{ asked: number }[]>`
    select ((select count(*) from portus_look where asked_at > ${since}) + (select count(*) from clair_look where asked_at > ${since}))::int as asked`
  return row?.asked ?? 0
}

/** Repository by repository. What Portus does not know (yet) it will look at by itself when it does. */
async function lookAtEach(
  d: Needs,
  asker: Asker,
  tags: readonly DueTag[],
  layers: readonly DueLayer[],
  signal: AbortSignal,
): Promise<void> {
  const repositories = new Map(
    (await readAll(asker, Repositories, '/api/v1/repositories', signal)).map((r) => [r.full_name, r.id]),
  )
  for (const repository of new Set([...tags, ...layers].map((one) => one.repository))) {
    const id = repositories.get(repository)
    const there = id === undefined ? [] : await readAll(asker, Tags, `/api/v1/repositories/${id}/tags`, signal)
    const own = tags.filter((tag) => tag.repository === repository)
    const names = new Set(own.map(({ tag }) => tag))
    const wanted = new Map(there.filter(({ name }) => names.has(name)).map((tag) => [tag.id, tag]))
    const ownLayers = layers.filter((layer) => layer.repository === repository)
    for (const { name } of ownLayers)
      for (const tag of await tagsOfLayer(d, name, there)) if (wanted.size < mostAtOnce) wanted.set(tag.id, tag)
    for (const tag of wanted.values()) await look(d, asker, tag, signal)
    const known = new Set(there.map(({ name }) => name))
    await noteAsked(d, own)
    await forgetTags(
      d,
      own.filter(({ shown, tag }) => shown === '' && !known.has(tag)).map(({ ref }) => ref),
    )
    await noteAskedLayers(d, ownLayers)
  }
}

/** A tag that is gone by now, or that Portus will not hear of, keeps no other waiting. */
async function look(d: Needs, asker: Asker, { id }: PortusTag, signal: AbortSignal): Promise<void> {
  try {
    await asker.post(`/api/v1/vulnerabilities/${id}`, signal)
  } catch (error) {
    if (!(error instanceof SourceError && error.code === 'nonsense')) throw error
    d.log.info({ err: error, tag: id }, 'Portus was asked to look at a tag again, and answers something else')
  }
}
