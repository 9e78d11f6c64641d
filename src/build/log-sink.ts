import type { Deps } from '../deps.ts'
import { beforePair, makeMask } from './mask.ts'

/** Where a build's output goes. Nothing written here is lost but what the size limit leaves out, and that is said. */
export type LogSink = {
  write(text: string): void
  /** from now on this secret is hidden, in every form in which a tool writes it */
  hide(secret: string, username?: string): void
  /** a message that is stored elsewhere, without the secrets hidden here */
  masked(text: string): string
  /** stores what is left; rejects where storing failed */
  close(): Promise<void>
}

type Limits = { headChars: number; tailChars: number; flushMs: number }
const usual: Limits = { headChars: 2_000_000, tailChars: 200_000, flushMs: 300 }
const chunkChars = 64_000

/**
 * Appends to build_log in chunks, after whatever an earlier attempt wrote, masked. Of a very long log the beginning is stored as
 * it comes, and the end at the end.
 */
export function openLogSink(d: Pick<Deps, 'sql' | 'clock'>, buildId: string, limits = usual): LogSink {
  const mask = makeMask()
  let head = 0
  let waiting = ''
  let tail = ''
  let leftOut = 0
  let timer: NodeJS.Timeout | null = null
  let stored: Promise<void> = Promise.resolve()

  const store = (text: string) => {
    for (let at = 0; at < text.length; ) {
      const chunk = text.slice(at, beforePair(text, at + chunkChars))
      at += chunk.length
      stored = stored.then(async () => {
        await d.sql`
          insert into build_log (build_id, seq, at, text)
          select ${buildId}, coalesce(max(seq), -1) + 1, ${d.clock()}, ${chunk} from build_log where build_id = ${buildId}`
      })
    }
    // Waited for in close(); until then a failure must not end the process.
    stored.catch(() => undefined)
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
    },
  }
}
