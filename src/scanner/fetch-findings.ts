/**
 * In: top layers whose findings are to be had from a real Clair. Out: `scan_finding`, and Portus to look again where they are new.
 * Guarantees: asked again until Clair has answered, at most `atOnce` at a time; what Clair does not know (its posts were lost, or it was
 * away) Portus is asked to post again, ever more rarely; findings count for every image of that top layer, known to us or not.
 */
import axios, { type AxiosInstance } from 'axios'
import pLimit from 'p-limit'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { messageOf, queueFetch } from './clair.ts'
import { queuePortus } from './who-asks.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log' | 'config'>

/** A vulnerable feature is kept as Clair says it. */
const Findings = z.object({ Layer: z.object({ Features: z.array(z.looseObject({})).nullish() }) })

const atOnce = 4
const mostOfRun = 200
/** Milliseconds. */
const patience = 30_000
const largest = 32 * 2 ** 20
const awaySeconds = 30
const firstWaitSeconds = 60
/** What Clair still does not know after so many askings it cannot read. */
const mostTries = 12

/** The job. A Clair that is away is asked again later: nothing is lost, so nothing is thrown. */
export async function fetchFindings(d: Needs, signal: AbortSignal): Promise<void> {
  const { clairUrl } = d.config
  if (clairUrl === null) return
  const due = await d.sql<{ name: string }[]>`
    select name from clair_look where fetch_at <= ${d.clock()} group by name order by min(fetch_at) limit ${mostOfRun}`
  if (due.length === 0) return
  const client = axios.create({
    ...{ baseURL: clairUrl, timeout: patience, maxRedirects: 0, maxContentLength: largest, validateStatus: () => true },
    ...{ proxy: false, headers: { accept: 'application/json' }, signal },
  })
  const limit = pLimit(atOnce)
  const run = { away: false }
  await Promise.all(due.map(({ name }) => limit(() => fetchOne(d, client, name, run))))
  await queuePortus(d)
  if (due.length >= mostOfRun) await queueFetch(d)
}

/** `away`: it said nothing of another; then it is not asked about this one now. */
async function fetchOne(d: Needs, client: AxiosInstance, name: string, run: { away: boolean }): Promise<void> {
  const answer = run.away ? 'away' : await ask(d, client, name)
  if (answer === 'away') {
    run.away = true
    await d.sql`
      update clair_look set fetch_at = ${d.clock()}::timestamptz + make_interval(secs => ${awaySeconds}) where name = ${name} and fetch_at is not null`
  } else if (answer === 'unknown')
    await d.sql`
      update clair_look set fetch_tries = case when fetch_tries + 1 < ${mostTries} then fetch_tries + 1 else 0 end,
        fetch_at = case when fetch_tries + 1 < ${mostTries} then ${d.clock()}::timestamptz + make_interval(secs => ${firstWaitSeconds} * 2 ^ fetch_tries) end
      where name = ${name} and fetch_at is not null`
  else await keep(d, name, answer)
}

async function ask(d: Needs, client: AxiosInstance, name: string): Promise<object[] | 'away' | 'unknown'> {
  try {
    const path = `/v1/layers/${encodeURIComponent(name)}?features=false&vulnerabilities=true`
    const { status, data } = await client.get<unknown>(path)
    if (status === 404) return 'unknown'
    const parsed = Findings.safeParse(data)
    if (status === 200 && parsed.success) return parsed.data.Layer.Features ?? []
    d.log.warn({ status, nonsense: !parsed.success }, 'Clair does not answer as it should')
  } catch (error) {
    d.log.warn({ err: { message: messageOf(error) } }, 'Clair does not answer')
  }
  return 'away'
}

async function keep(d: Needs, name: string, features: object[]): Promise<void> {
  await d.sql.begin(async (tx) => {
    await tx`
      insert into scan_finding (name, features, fetched_at) values (${name}, ${JSON.stringify(features)}::text::jsonb, ${d.clock()})
      on conflict (name) do update set features = excluded.features, fetched_at = excluded.fetched_at`
    await tx`update clair_look set fetch_at = null, fetch_tries = 0 where name = ${name}`
  })
}
