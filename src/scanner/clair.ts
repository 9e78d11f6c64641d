/**
 * In: layers as Portus posted them, and which top layer it asked about.
 * Out: the layers handed on to a real Clair, bottom to top; a row of `clair_look` a top layer, by which its findings are fetched later.
 * Guarantees: never awaited by who asks us; only layers of configured registries are handed on, as Clair fetches what it is told; a post's
 * token of the registry is never stored: what is lost of posts comes again when Portus is asked to look again (fetch-findings.ts).
 */
import axios from 'axios'
import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import { type Place, type PostedLayer, placeOf } from './posted-layer.ts'
import type { Visits } from './visits.ts'

export type Clair = {
  /** Hands a layer on, as it was posted. */
  post(posted: PostedLayer, body: unknown): void
  /** Portus asked about this top layer, and was answered with findings of this hash; null: with an error. */
  asked(name: string, told: string | null): void
}

const atOnce = 4
/** Layers that wait to be handed on at most; of more the images come again. */
const mostWaiting = 2000
const mostPlaces = 10_000
/** Milliseconds: Clair reads a whole layer before it answers a post. */
const patience = 60_000
/** Fetched then at the latest, should this process not be there any more when Clair has taken the layers. */
const fetchAnywayMs = 120_000

export function makeClair(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log' | 'config'>,
  url: string,
  visits: Visits,
): Clair {
  const client = axios.create({
    ...{ baseURL: url, timeout: patience, maxRedirects: 0, validateStatus: () => true, proxy: false },
    headers: { 'content-type': 'application/json', accept: 'application/json' },
  })
  const limit = pLimit(atOnce)
  const pending = new Map<string, Promise<void>>()
  const places = new Map<string, Place>()
  const strangers = new Set<string>()

  const handOn = async (body: unknown): Promise<void> => {
    try {
      const { status } = await client.post('/v1/layers', body)
      if (status !== 200 && status !== 201) d.log.info({ status }, 'Clair did not take a layer')
    } catch (error) {
      // an axios error carries the whole request, with the token of a registry in it
      d.log.warn({ err: { message: messageOf(error) } }, 'Clair does not answer as it should')
    }
  }
  const warnOf = (path: string | null | undefined) => {
    const host = URL.parse(path ?? '')?.host ?? 'none'
    if (strangers.has(host) || strangers.size >= 100) return
    strangers.add(host)
    d.log.warn({ host }, 'layers at this host are not handed on to Clair: it is no name or alias of a registry')
  }

  return {
    post(posted, body) {
      const { Name: name, ParentName, Path } = posted.Layer
      const place = placeOf(d, Path)
      if (!place?.named) return warnOf(Path)
      places.delete(name)
      places.set(name, place)
      if (places.size > mostPlaces) places.delete(places.keys().next().value!)
      if (pending.size >= mostWaiting) return d.log.warn('more layers than Clair takes: they are asked for again later')
      // a layer is known to Clair only after the one it stands on
      const before = [pending.get(ParentName ?? ''), pending.get(name)]
      const work = Promise.all(before).then(() => limit(() => handOn(body)))
      pending.set(name, work)
      void work.then(() => {
        if (pending.get(name) === work) pending.delete(name)
      })
    },
    asked(name, told) {
      // as it is now: another image with this top layer may have been posted when it is written
      const known = places.get(name)
      void visits.write(async () => {
        // another process may have been told the layers
        const place = known ?? (strangers.size === 0 ? await toldPlace(d, name) : undefined)
        if (place) await wish(d, place, name, told)
      })
      const handed = pending.get(name) ?? Promise.resolve()
      void handed.then(() => visits.write(() => fetchNow(d, name)))
    },
  }
}

type Needs = Pick<Deps, 'sql' | 'clock' | 'jobs'>

async function toldPlace({ sql }: Needs, name: string): Promise<Pick<Place, 'registry' | 'repository'> | undefined> {
  const [place] = await sql<{ registry: string; repository: string }[]>`
    select g.name as registry, r.name as repository from scanned_layer l
    join repository r on r.id = l.repository_id join registry g on g.id = r.registry_id
    where l.name = ${name} order by l.turn desc limit 1`
  return place
}

async function wish(
  d: Needs,
  { registry, repository }: Pick<Place, 'registry' | 'repository'>,
  name: string,
  told: string | null,
): Promise<void> {
  const now = d.clock()
  const anyway = new Date(now.getTime() + fetchAnywayMs)
  await d.sql`
    insert into clair_look as l (registry, repository, name, told, fetch_at, next_at, seen_at)
    values (${registry}, ${repository}, ${name}, ${told}, ${anyway}, ${now}, ${now})
    on conflict (name, registry, repository) do update set told = excluded.told, fetch_at = excluded.fetch_at, seen_at = excluded.seen_at,
      tries = case when l.fetch_tries > 0 then l.tries else 0 end,
      next_at = case when l.fetch_tries > 0 then l.next_at else excluded.next_at end`
}

async function fetchNow(d: Needs, name: string): Promise<void> {
  await d.sql`update clair_look set fetch_at = ${d.clock()} where name = ${name} and fetch_at is not null`
  await queueFetch(d)
}

/** Enqueues the fetching of findings. */
export const queueFetch = (d: Pick<Deps, 'sql' | 'jobs'>, runAt?: Date): Promise<void> =>
  d.jobs.enqueue(d.sql, 'clair', {}, { key: 'clair', queue: 'clair', ...(runAt ? { runAt } : {}) })

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Hash of no findings. */
export const nothingFound = 'd751713988987e9331980363e24189ce'

/** What Clair found in a layer, as far as it was fetched, and the hash of it. */
export async function findings(d: Pick<Deps, 'sql'>, name: string): Promise<{ features: object[]; told: string }> {
  const [row] = await d.sql<{ features: string; told: string }[]>`
    select features::text, md5(features::text) as told from scan_finding where name = ${name}`
  return { features: row ? (JSON.parse(row.features) as object[]) : [], told: row?.told ?? nothingFound }
}
