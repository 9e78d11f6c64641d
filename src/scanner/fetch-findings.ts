/**
 * In: top layers whose findings are to be had from a real Clair. Out: `scan_finding`, and Portus to look again where they are new.
 * Guarantees: asked again until Clair has answered, at most `atOnce` at a time; what Clair does not know (its posts were lost, or it was
 * away) Portus is asked to post again, ever more rarely; a layer that Clair fails at keeps no other waiting; findings count for every image
 * of that top layer, known to us or not.
 */
import axios, { type AxiosInstance } from 'axios'
import pLimit from 'p-limit'
import { isLostDatabase } from '../db/is-lost-database.ts'
import type { Deps } from '../deps.ts'
import { messageOf, queueFetch } from './clair.ts'
import { type Findings, findingsOf } from './clair-findings.ts'
import { isFetchDue } from './due-looks.ts'
import { queuePortus } from './who-asks.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log' | 'config'>
/** `away`: it answers nobody. `failures`: how many in a row. */
type Run = { client: AxiosInstance; signal: AbortSignal; away: boolean; failures: number }

const atOnce = 4
const mostOfRun = 200
/** Milliseconds. */
const patience = 30_000
const largest = 32 * 2 ** 20
const awaySeconds = 30
const firstWaitSeconds = 60
/** Of a layer that Clair fails at. */
const longestWaitSeconds = 3600
/** What Clair still does not know after so many askings it cannot read. */
const mostTries = 12
/** So many in a row are Clair's own, not of a layer. */
const mostFailures = 5
/** Nobody is there, whichever layer is asked for. */
const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** The job. A Clair that is away is asked again later: nothing is lost, so nothing is thrown. */
export async function fetchFindings(d: Needs, signal: AbortSignal): Promise<void> {
  const { clairUrl } = d.config
  if (clairUrl === null) return
  const due = await d.sql<{ name: string }[]>`
    select name from clair_look where ${isFetchDue(d)} group by name order by max(failures), min(fetch_at) limit ${mostOfRun}`
  if (due.length === 0) return
  const client = axios.create({
    ...{ baseURL: clairUrl, timeout: patience, maxRedirects: 0, maxContentLength: largest, validateStatus: () => true },
    ...{ proxy: false, headers: { accept: 'application/json' }, signal },
  })
  const limit = pLimit(atOnce)
  const run: Run = { client, signal, away: false, failures: 0 }
  await Promise.all(due.map(({ name }) => limit(() => fetchOne(d, run, name))))
  await queuePortus(d)
  if (due.length >= mostOfRun) await queueFetch(d)
}

async function fetchOne(d: Needs, run: Run, name: string): Promise<void> {
  const answer = run.away ? 'away' : await ask(d, run, name)
  if (answer === 'away') {
    run.away = true
    return postpone(d, name)
  }
  if (answer === 'failed') return failed(d, run, name)
  run.failures = 0
  if (answer === 'unknown') return noteUnknown(d, name)
  try {
    await keep(d, name, answer)
  } catch (err) {
    if (isLostDatabase(err)) throw err
    d.log.warn({ err, layer: name }, 'what Clair found could not be kept')
    await failed(d, run, name)
  }
}

async function ask(d: Needs, { client, signal }: Run, name: string): Promise<Findings | 'away' | 'failed' | 'unknown'> {
  try {
    const path = `/v1/layers/${encodeURIComponent(name)}?features=false&vulnerabilities=true`
    const { status, data } = await client.get<unknown>(path)
    if (status === 404) return 'unknown'
    const found = findingsOf(data)
    if (status === 200 && found) return found
    d.log.warn({ status, layer: name }, 'Clair does not answer as it should')
    return 'failed'
  } catch (error) {
    if (signal.aborted) return 'away'
    d.log.warn({ err: { message: messageOf(error) }, layer: name }, 'Clair does not answer')
    return axios.isAxiosError(error) && unreachable.has(error.code ?? '') ? 'away' : 'failed'
  }
}

/** It said nothing of this one. */
const postpone = async (d: Needs, name: string): Promise<void> =>
  void (await d.sql`
    update clair_look set fetch_at = ${d.clock()}::timestamptz + make_interval(secs => ${awaySeconds}) where name = ${name} and fetch_at is not null`)

async function failed(d: Needs, run: Run, name: string): Promise<void> {
  run.failures++
  if (run.failures >= mostFailures) run.away = true
  await d.sql`
    update clair_look set failures = failures + 1, fetch_at = ${d.clock()}::timestamptz
      + make_interval(secs => least(${longestWaitSeconds}, ${firstWaitSeconds} * 2 ^ least(failures, 11)))
    where name = ${name} and fetch_at is not null`
}

const noteUnknown = async (d: Needs, name: string): Promise<void> =>
  void (await d.sql`
    update clair_look set failures = 0, fetch_tries = case when fetch_tries + 1 < ${mostTries} then fetch_tries + 1 else 0 end,
      fetch_at = case when fetch_tries + 1 < ${mostTries} then ${d.clock()}::timestamptz + make_interval(secs => least(86400, ${firstWaitSeconds} * 2 ^ fetch_tries)) end
    where name = ${name} and fetch_at is not null`)

async function keep(d: Needs, name: string, { features, hash }: Findings): Promise<void> {
  await d.sql.begin(async (tx) => {
    await tx`
      insert into scan_finding (name, features, hash, fetched_at) values (${name}, ${features}, ${hash}, ${d.clock()})
      on conflict (name) do update set features = excluded.features, hash = excluded.hash, fetched_at = excluded.fetched_at`
    await tx`update clair_look set found = ${hash}, fetch_at = null, fetch_tries = 0, failures = 0 where name = ${name}`
  })
}
