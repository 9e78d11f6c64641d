/**
 * In: layers as Portus posted them, and which top layer it asked about.
 * Out: the layers handed on to a real Clair, bottom to top; a row of `clair_look` a top layer, by which its findings are fetched later.
 * Guarantees: never awaited by who asks us; only layers of configured registries are handed on, as Clair fetches what it is told; a post's
 * token of the registry is never stored: what is lost of posts comes again when Portus is asked to look again (fetch-findings.ts).
 */
import axios from 'axios'
import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import { nothingFound } from './clair-findings.ts'
import { handedOn, type Place, type PostedLayer } from './posted-layer.ts'
import type { Visits } from './visits.ts'

export type Clair = {
  /** Hands a layer on. */
  post(posted: PostedLayer): void
  /** Portus asked about this top layer, and was answered with findings of this hash; null: with an error, or without them. */
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
  /** Where layers were told to be; null: where none is handed on. */
  const places = new Map<string, Place | null>()
  const strangers = new Set<string>()

  const handOn = async (body: object): Promise<void> => {
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
    post(posted) {
      const { Name: name, ParentName, Path } = posted.Layer
      const handed = handedOn(d, posted)
      // who posts the same from elsewhere does not undo what is handed on
      if (handed || !places.get(name)) {
        places.delete(name)
        places.set(name, handed?.place ?? null)
      }
      if (places.size > mostPlaces) places.delete(places.keys().next().value!)
      if (!handed) return warnOf(Path)
      if (pending.size >= mostWaiting) return d.log.warn('more layers than Clair takes: they are asked for again later')
      // a layer is known to Clair only after the one it stands on
      const before = [pending.get(ParentName ?? ''), pending.get(name)]
      const work = Promise.all(before).then(() => limit(() => handOn(handed.body)))
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
        const place = known === undefined ? await toldPlace(d, name) : known
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
    where l.name = ${name} and not g.gone order by l.turn desc limit 1`
  return place
}

/**
 * How long Portus is waited for begins anew a day after it was last asked: not with each visit, since what is found may be another each
 * time, or not be there in time.
 */
async function wish(
  d: Needs,
  { registry, repository }: Pick<Place, 'registry' | 'repository'>,
  name: string,
  told: string | null,
): Promise<void> {
  const now = d.clock()
  const anyway = new Date(now.getTime() + fetchAnywayMs)
  const anew = d.sql`l.fetch_tries = 0 and (l.asked_at between ${now}::timestamptz - interval '1 day' and ${now}::timestamptz + interval '1 day') is not true`
  await d.sql`
    insert into clair_look as l (registry, repository, name, told, found, fetch_at, next_at, seen_at)
    values (${registry}, ${repository}, ${name}, ${told}, coalesce((select hash from scan_finding where name = ${name}), ${nothingFound.hash}),
      ${anyway}, ${now}, ${now})
    on conflict (name, registry, repository) do update set told = excluded.told, found = excluded.found, fetch_at = excluded.fetch_at, seen_at = excluded.seen_at,
      tries = case when ${anew} then 0 else l.tries end, next_at = case when ${anew} then excluded.next_at else l.next_at end`
}

async function fetchNow(d: Needs, name: string): Promise<void> {
  await d.sql`update clair_look set fetch_at = ${d.clock()} where name = ${name} and fetch_at is not null`
  await queueFetch(d)
}

/** Enqueues the fetching of findings. */
export const queueFetch = (d: Pick<Deps, 'sql' | 'jobs'>, runAt?: Date): Promise<void> =>
  d.jobs.enqueue(d.sql, 'clair', {}, { key: 'clair', queue: 'clair', ...(runAt ? { runAt } : {}) })

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
