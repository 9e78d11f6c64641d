/**
 * In: rows of `cause` and members of namespaces, as they are.
 * Out: `notice` rows, once for each (person, tag, root); of a person's waiting notices one `mail` row, with its `mail` job.
 * Guarantees: each notice goes into one mail; running it twice, at once, or dying in it, tells nobody twice and forgets nobody.
 */
import type { Deps } from '../deps.ts'
import { gather } from './gather.ts'
import { raiseNotices } from './raise-notices.ts'
import { tellStoppedAnew } from './tell-stopped-anew.ts'

type Needs = Pick<Deps, 'sql' | 'db' | 'jobs' | 'clock' | 'config' | 'log' | 'mailer' | 'vault'>

/** A cause that may come from a build of ours that is still running is looked at again after so many ms. */
const heldFor = 2_000
/** A job may start a little before our clock says it is time. */
const soonest = 250

export async function notify(d: Needs): Promise<void> {
  const { raised, held } = await raiseNotices(d)
  if (raised > 0) d.log.info({ notices: raised }, 'noticed')
  const due = await gather(d)
  await tellStoppedAnew(d)
  const now = d.clock().getTime()
  const times = [...(due === null ? [] : [due.getTime()]), ...(held > 0 ? [now + heldFor] : [])]
  if (times.length === 0) return
  const runAt = new Date(Math.max(Math.min(...times), now + soonest))
  // Its own key: under refresh's key it would put off a job that is to run at once.
  await d.sql.begin((tx) => d.jobs.enqueue(tx, 'notify', {}, { key: 'notify:later', queue: 'notify', runAt }))
}
