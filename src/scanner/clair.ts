import { isDeepStrictEqual } from 'node:util'
import axios from 'axios'
import pLimit from 'p-limit'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { scannedTags } from './scanned-image.ts'

/** A real Clair behind us. Both are done later, one after another, and never awaited by who asks us. */
export type Clair = {
  /** Hands a layer on, as it was posted. */
  post(body: unknown): void
  /** Fetches what it found in a layer, and has Portus look again at its tags where that is not what was known. */
  fetch(name: string): void
  /** Resolves when nothing is left to do. */
  idle(): Promise<void>
}

/** A vulnerable feature is kept as Clair says it. */
const Findings = z.object({ Layer: z.object({ Features: z.array(z.looseObject({})).nullish() }) })

/** Layers that wait to be handed on at most; more are left out, and come again when Portus looks again. */
const mostWaiting = 1000
/** Milliseconds: Clair reads a whole layer before it answers a post. */
const patience = 60_000
const largest = 32 * 2 ** 20

export function makeClair(d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log'>, url: string): Clair {
  const client = axios.create({
    ...{ baseURL: url, timeout: patience, maxRedirects: 0, maxContentLength: largest, validateStatus: () => true },
    ...{ proxy: false, headers: { 'content-type': 'application/json', accept: 'application/json' } },
  })
  const oneByOne = pLimit(1)
  const later = (work: () => Promise<void>) => {
    if (oneByOne.pendingCount >= mostWaiting) return d.log.warn('more layers than Clair can take: some are left out')
    oneByOne(work).catch((err: unknown) => d.log.warn({ err: asError(err) }, 'Clair does not answer as it should'))
  }
  return {
    post(body) {
      later(async () => {
        const { status } = await client.post('/v1/layers', body)
        if (status !== 200 && status !== 201) d.log.info({ status }, 'Clair did not take a layer')
      })
    },
    fetch(name) {
      later(async () => {
        const path = `/v1/layers/${encodeURIComponent(name)}?features=false&vulnerabilities=true`
        const { status, data } = await client.get<unknown>(path)
        if (status === 404) return
        const parsed = Findings.safeParse(data)
        if (status !== 200 || !parsed.success)
          throw new Error(`answers ${status}${parsed.success ? '' : ', and nonsense'}`)
        await keep(d, name, parsed.data.Layer.Features ?? [])
      })
    },
    idle: () => oneByOne(async () => undefined),
  }
}

/** An axios error carries the whole request, with the token of a registry in it. */
const asError = (error: unknown): { message: string } => ({
  message: error instanceof Error ? error.message : String(error),
})

async function keep(d: Pick<Deps, 'sql' | 'jobs' | 'clock'>, name: string, features: object[]): Promise<void> {
  const known = await findings(d, name)
  await d.sql.begin(async (tx) => {
    await tx`
      insert into scan_finding (name, features, fetched_at) values (${name}, ${JSON.stringify(features)}::text::jsonb, ${d.clock()})
      on conflict (name) do update set features = excluded.features, fetched_at = excluded.fetched_at`
    if (isDeepStrictEqual(known, features)) return
    const refs = (await scannedTags(d, name)).map(({ ref }) => ref)
    if (refs.length > 0) await d.jobs.enqueue(tx, 'portus', { refs })
  })
}

/** What Clair found in a layer, as far as it was fetched. */
export async function findings(d: Pick<Deps, 'sql'>, name: string): Promise<object[]> {
  const [row] = await d.sql<{ features: string }[]>`select features::text from scan_finding where name = ${name}`
  return row ? (JSON.parse(row.features) as object[]) : []
}
