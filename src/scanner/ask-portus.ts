/**
 * In: the flags as they are, what a real Clair found, and what Portus was answered with last.
 * Out: Portus looking again at every tag of which it may show something else; rows of `portus_look` and `clair_look`.
 * Guarantees: asked again, ever more rarely, until Portus came and was answered; no more than `mostAtOnce` tags a run and one run in
 * `pauseMs`; a Portus that is away is asked again later, and holds up nothing else; nor does a tag or repository that it fails at.
 */
import type { Deps } from '../deps.ts'
import { makeAsker } from '../people/sources/ask-json.ts'
import { usualLimits } from '../people/sources/source.ts'
import { dueLayers, dueTags, tidyLooks } from './due-looks.ts'
import { lookAtEach } from './look-at-each.ts'
import { noteShown } from './note-shown.ts'
import { listLimits } from './tags-in-portus.ts'
import { askablePortus, queuePortus } from './who-asks.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'log' | 'jobs'>

const mostAtOnce = 100
const pauseMs = 10_000

/** The job. Rejects where Portus does not answer. */
export async function askPortus(d: Needs, signal: AbortSignal, limits = listLimits): Promise<void> {
  const portus = askablePortus(d.config)
  if (portus === null) return
  const last = await askedLast(d)
  if (last !== null) return queuePortus(d, later(last))
  await noteShown(d, signal)
  await tidyLooks(d)
  const tags = await dueTags(d, mostAtOnce)
  const layers = await dueLayers(d, mostAtOnce - tags.length)
  if (tags.length + layers.length === 0) return
  const account = { 'portus-auth': `${portus.username}:${portus.token}` }
  const askers = { asker: makeAsker(portus, account, usualLimits), lists: makeAsker(portus, account, limits) }
  try {
    const { asked, full } = await lookAtEach(d, askers, { tags, layers }, mostAtOnce, signal)
    d.log.info({ asked, tags: tags.length, images: layers.length }, 'asked Portus to look again')
    if (full || tags.length + layers.length >= mostAtOnce) await queuePortus(d, later(d.clock()))
  } finally {
    for (const asker of Object.values(askers)) asker.close()
  }
}

const later = (then: Date): Date => new Date(then.getTime() + pauseMs)

/** When it was asked, where that is less than `pauseMs` ago; a clock that was set back holds up nothing. */
async function askedLast(d: Needs): Promise<Date | null> {
  const now = d.clock()
  const [row] = await d.sql<{ last: Date | null }[]>`
    select greatest((select max(asked_at) from portus_look where asked_at <= ${now}), (select max(asked_at) from clair_look where asked_at <= ${now})) as last`
  return row?.last && later(row.last) > now ? row.last : null
}
