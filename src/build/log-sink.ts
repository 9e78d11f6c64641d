import type { Deps } from '../deps.ts'
import { beforePair, makeMask } from './mask.ts'
import { throughOutage } from './through-outage.ts'

/** Where a build's output goes. Nothing written here is lost but what the size limit leaves out or the database refuses, and that is said. */
export type LogSink = {
  write(text: string): void
  /** from now on this secret is hidden, in every form in which a tool writes it */
  hide(secret: string, username?: string): void
  /** a message that is stored elsewhere, without the secrets hidden here */
  masked(text: string): string
  /** stores what is left; what cannot be stored is left out, and that is told: a log never undoes a build */
  close(): Promise<void>
}

type Limits = { headChars: number; tailChars: number; flushMs: number }
const usual: Limits = { headChars: 2_000_000, tailChars: 200_000, flushMs: 300 }
const chunkChars = 64_000

/**
 * Appends to build_log in chunks, after whatever an earlier attempt wrote, masked. Of a very long log the beginning is stored as
 * it comes, and the end at the end. While the database is away it waits, until `until` is aborted.
 */
export function openLogSink(
  d: Pick<Deps, 'sql' | 'clock' | 'log'>,
  buildId: string,
  limits = usual,
  until?: AbortSignal,
): LogSink {
  const mask = makeMask()
  let head = 0
  let waiting = ''
  let tail = ''
  let leftOut = 0
  let timer: NodeJS.Timeout | null = null
  let stored: Promise<void> = Promise.resolve()
  /** the place of the next chunk; null until the first is stored, or where somebody else has written */
  let next: number | null = null
  let refused = 0

  const insert = async (text: string, again: boolean): Promise<void> => {
    const rows: { seq: number }[] = await d.sql`
      insert into build_log (build_id, seq, at, text)
      select ${buildId}, coalesce(${next}::int, max(seq) + 1, 0), ${d.clock()}, ${text} from build_log where build_id = ${buildId}
      on conflict do nothing returning seq`
    const seq = rows[0]?.seq
    const place = next
    next = seq === undefined ? null : seq + 1
    if (seq !== undefined) return
    // The place is taken: by this very chunk where an earlier try came through unheard, else by another writer.
    if (again && place !== null) next = place + 1
    else await insert(text, false)
  }
  const keep = async (text: string): Promise<void> => {
    try {
      await throughOutage((again) => insert(text, again), {
        ...(until ? { until } : {}),
        ...(refused > 0 ? { forMs: 0 } : {}),
      })
    } catch (err) {
      if (refused === 0) d.log.warn({ err, build: buildId }, 'a part of a log could not be stored')
      refused += text.length
    }
  }

  const store = (text: string) => {
    for (let at = 0; at < text.length; ) {
      const chunk = text.slice(at, beforePair(text, at + chunkChars))
      at += chunk.length
      stored = stored.then(() => keep(chunk))
    }
  }
  const flush = () => {
    timer = null
    store(waiting)
    waiting = ''
  }
  const append = (text: string) => {
    const room = Math.max(limits.headChars - head, 0)
    const fits = text.length > room ? text.slice(0, beforePair(text, room)) : text
    head = fits === text ? head + text.length : limits.headChars
    waiting += fits
    const over = tail + text.slice(fits.length)
    tail = over.slice(beforePair(over, Math.max(over.length - limits.tailChars, 0)))
    leftOut += over.length - tail.length
    if (waiting !== '') timer ??= setTimeout(flush, limits.flushMs)
  }
  return {
    write: (text) => append(mask.feed(text)),
    hide: (secret, username) => mask.add(secret, username),
    masked: (text) => mask.whole(text),
    async close() {
      append(mask.end())
      if (timer) clearTimeout(timer)
      flush()
      if (leftOut > 0) store(`\n[${leftOut} characters left out]\n`)
      store(tail)
      tail = ''
      leftOut = 0
      await stored
      if (refused > 0) await keep(`\n[${refused} characters could not be stored]\n`)
    },
  }
}
