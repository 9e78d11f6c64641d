import type { Reply } from './post.ts'

/** What follows from a reply. `wholeChannel`: its receiver is in trouble, so that nothing else need be tried there before;
 * what has waited for it as long is given up with it. */
export type Judgement =
  | { state: 'delivered' }
  | { state: 'pending'; nextTryAt: Date; wholeChannel: boolean }
  | { state: 'failed'; wholeChannel: boolean }
  | { state: 'gone' }

const minute = 60_000
const day = 24 * 60 * minute
/** After so long a delivery is given up. */
export const givenUpAfter = 3 * day
/** A receiver that wants to be left alone for longer is asked again all the same. */
export const longestWait = day

/**
 * 2xx is delivered; 410: it is wanted no more, of this channel; anything else, redirects too, is tried again after 1, 2, 4, … 60 minutes
 * and then hourly, until three days are over. `Retry-After` (RFC 9110, 10.2.3) of 429 and 503 makes it later. `attempts`: with this one.
 */
export function judgeReply(
  reply: Reply,
  { attempts, since, now }: { attempts: number; since: Date; now: Date },
): Judgement {
  const { status } = reply
  if (status !== null && status >= 200 && status < 300) return { state: 'delivered' }
  if (status === 410) return { state: 'gone' }
  const throttled = status === 429 || status === 503
  const wholeChannel = status === null || throttled
  if (now.getTime() - since.getTime() >= givenUpAfter) return { state: 'failed', wholeChannel }
  const asked = throttled ? retryAfter(reply.retryAfter, now) : 0
  const wait = Math.max(Math.min(2 ** (attempts - 1), 60) * minute, Math.min(asked, longestWait))
  return { state: 'pending', nextTryAt: new Date(now.getTime() + wait), wholeChannel }
}

/** Seconds, or a date; milliseconds from now. What is neither says nothing. */
function retryAfter(text: string | null, now: Date): number {
  if (text === null) return 0
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const at = Date.parse(text)
  return Number.isNaN(at) ? 0 : Math.max(at - now.getTime(), 0)
}
