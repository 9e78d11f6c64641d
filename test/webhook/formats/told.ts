import type { Verdict } from '../../../src/webhook/envelope.ts'
import { formats } from '../../../src/webhook/formats/formats.ts'
import { deliveryOf } from './documented.ts'

/** What stands in the table for a verdict: `look`, `push` or `delete` with what it names; or why it is not followed. */
function said(verdict: Verdict): string {
  if (verdict.kind === 'irrelevant') return `irrelevant ${verdict.action}`
  const { action, repository, tag, digest } = verdict.event
  const named = `${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest.slice(0, 13)}`}`
  return verdict.kind === 'ignored' ? `${verdict.reason} ${named}` : `${action} ${named}`
}

/** What an adapter reads in a payload: verdicts, its answer, or null. */
export function read(
  format: string,
  payload: Parameters<typeof deliveryOf>[0],
  more?: Parameters<typeof deliveryOf>[1],
) {
  const answer = formats.get(format)!.read(deliveryOf(payload, more))
  if (answer === null) return null
  return 'reply' in answer ? answer.reply : answer.verdicts
}
/** The same in short. */
export const told = (
  format: string,
  payload: Parameters<typeof deliveryOf>[0],
  more?: Parameters<typeof deliveryOf>[1],
) => {
  const answer = read(format, payload, more)
  return Array.isArray(answer) ? answer.map(said) : answer
}
