import { setImmediate as turnsEnd } from 'node:timers/promises'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, repositoryOfRef } from '../people/heard-by.ts'
import { dueAt, type Wish } from './digest-schedule.ts'
import { expectMany } from './expect-many.ts'
import { forBuilders } from './for-builders.ts'
import { loadWaiting } from './load-waiting.ts'
import type { Standing } from './outlooks.ts'
import type { Parsed } from './parse-content.ts'
import { planRightsIn } from './plan-rights.ts'
import { readersOf } from './readers.ts'
import { saveMails, type Written } from './save-mails.ts'
import { withdrawUnwanted } from './withdraw-unwanted.ts'
import { markFaulty, writeMail } from './write-mail.ts'

type Needs = Pick<Deps, 'sql' | 'db' | 'jobs' | 'clock' | 'config' | 'log' | 'mailer' | 'vault'>

/**
 * What waits for one address and is to come in the same way, of all users that have it. `ids`: the notices, exact to 2^53; `oldest`: of them. `heldUntil`: the
 * address was refused, and is not written to before then.
 */
export type Waiting = Wish & {
  address: string
  email: string
  displayName: string | null
  ids: number[]
  oldest: Date
  heldUntil: Date | null
}

/** What one run has found out so far. `contents` by their text; `names`: the namespaces that an object names. */
export type Known = {
  outlooks: Map<string, Standing>
  contents: Map<string, Parsed>
  names: WeakMap<object, ReadonlySet<string>>
}

/** Any number, the same in every process: one gathers at a time, so that nothing is written twice. */
const gatherLock = 7_233_023
/** Of one transaction, and in memory at a time. */
const noticesAtOnce = 5000
const addressesAtOnce = 200
/** Ms after which what was left out of a part is looked at again. */
const again = 1000

/**
 * Makes one mail of all that waits for an address when it is time for it: the window is over, or the hour has come that its person wants. Says
 * when the next address will be due, null where nothing waits. Who hears of it no longer (src/people/heard-by.ts), was disabled meanwhile, or
 * wants no mail now is not written to: their notices keep waiting. What cannot be written keeps its reason, and holds up no other.
 */
export async function gather(d: Needs): Promise<Date | null> {
  return d.sql.begin(async (lock) => {
    await lock`select pg_advisory_xact_lock(${gatherLock})`
    const now = d.clock()
    await withdrawUnwanted(d.sql)
    await expectMany(lock)
    const waiting = (await waitingAddresses(lock, now)).map((one) => ({ ...one, due: dueOf(d, one, now) }))
    const known: Known = { outlooks: new Map(), contents: new Map(), names: new WeakMap() }
    const due = waiting.filter(({ due }) => due !== null && due <= now)
    let missed = false
    const mails = writtenOf(d, inParts(due), known)
    for await (const saved of whileNext(mails, (some) => saveSome(d, some))) missed = !saved || missed
    const later = waiting.flatMap(({ due }) => (due !== null && due > now ? due.getTime() : []))
    const times = [...later, ...(missed ? [now.getTime() + again] : [])]
    return times.length === 0 ? null : new Date(Math.min(...times))
  })
}

function dueOf({ config }: Pick<Deps, 'config'>, { heldUntil, oldest, ...wish }: Waiting, now: Date): Date | null {
  const due = dueAt(wish, oldest, now, config.notifyWindow * 1000)
  return due !== null && heldUntil !== null && heldUntil > due ? heldUntil : due
}

/**
 * One row an address and how often it is written to, with no more than the ids of the notices: these are read some addresses at a time. Here
 * alone it is asked who hears; and once more before a mail is sent. Of several users with one address the first by name says at which hour.
 */
const waitingAddresses = (sql: Tx, now: Date): Promise<Waiting[]> => sql<Waiting[]>`
  with ${heardBy(sql, sql`select namespace, ${repositoryOfRef(sql, sql`ref`)} as repository from notice where mail_id is null`)},
  listener as materialized (select * from heard),
  waiting as materialized (
    select n.id, n.user_name, n.namespace, n.ref, n.created_at from notice n
    where n.mail_id is null and (n.error is null or abs(extract(epoch from ${now}::timestamptz - n.tried_at)) >= ${faultyAgain})
  ), told as (
    select n.id, n.user_name, n.namespace, heard.email, heard.display_name, n.created_at from waiting n join listener heard
      on heard.user_name = n.user_name and heard.namespace = n.namespace and heard.repository is null
    union all
    select n.id, n.user_name, n.namespace, heard.email, heard.display_name, n.created_at from waiting n join listener heard
      on heard.user_name = n.user_name and heard.namespace = n.namespace and heard.repository = ${repositoryOfRef(sql, sql`n.ref`)}
  ), one as (
    select lower(t.email) as address, min(t.email) as email, min(t.display_name) as display_name, t.user_name,
      coalesce(own.every, mine.every, 'immediately') as every,
      array[t.user_name, coalesce(min(mine.time_zone), 'UTC'), coalesce(min(mine.hour), 8)::text] as "when",
      min(t.created_at) as oldest, array_agg(t.id) as ids
    from told t left join notify_person mine on mine.user_name = t.user_name
    left join notify_namespace own on own.user_name = t.user_name and own.namespace_key = t.namespace
    group by 1, 4, 5
  )
  select address, min(email) as email, case when count(distinct user_name) = 1 then min(display_name) end as display_name, every,
    (min("when"))[2] as time_zone, (min("when"))[3]::int as hour, min(oldest) as oldest,
    (array_agg(distinct id))::float8[] as ids, min(f.next_try_at) filter (where f.next_try_at > ${now} and f.next_try_at <= ${now}::timestamptz + interval '1 day') as held_until
  from one cross join lateral unnest(ids) as id left join address_fault f using (address)
  group by address, every order by oldest, address`

/** Seconds after which it is tried again to write a mail that could not be written: a newer version may be able to. */
const faultyAgain = 3600

/** Whole addresses, so many notices at a time. */
function* inParts<T extends { address: string; ids: number[] }>(all: readonly T[]): Generator<T[]> {
  let [part, notices]: [T[], number] = [[], 0]
  for (const some of Map.groupBy(all, ({ address }) => address).values()) {
    part.push(...some)
    notices += some.reduce((sum, { ids }) => sum + ids.length, 0)
    if (notices < noticesAtOnce && part.length < addressesAtOnce) continue
    yield part
    ;[part, notices] = [[], 0]
  }
  if (part.length > 0) yield part
}

type Part = Awaited<ReturnType<typeof loadWaiting>>

/** What each part says: while one is being written, the next is read, and the one before is saved. */
async function* writtenOf(d: Needs, parts: Iterable<Waiting[]>, known: Known): AsyncGenerator<Saving> {
  for await (const part of whileNext(parts, (some) => loadWaiting(d, some, known)))
    yield await writeSome(d, part, known)
}

/** What is done with each, one after another; while it is done, the next is fetched. Nothing is under way any more when this ends, also by a fault. */
async function* whileNext<T, R>(all: Iterable<T> | AsyncIterable<T>, of: (one: T) => Promise<R>): AsyncGenerator<R> {
  let doing: Promise<R> | null = null
  try {
    for await (const one of all) {
      const done: R[] = doing ? [await doing] : []
      doing = of(one)
      doing.catch(() => {}) // it is awaited below; until then its failure is nobody's yet
      yield* done
    }
    if (doing) yield await doing
  } finally {
    await doing?.catch(() => {})
  }
}

type Saving = { mails: Written[]; over: number[]; early: boolean }

async function writeSome(d: Needs, { people: told, over, early }: Part, known: Known): Promise<Saving> {
  const people = await forBuilders(d, told)
  const readers = await readersOf(d, people, known.names)
  const rightIn = await planRightsIn(d, people)
  const mails: Written[] = []
  for (const person of people.flatMap(readers.apart)) {
    const { mail, faulty } = writeMail(d, person, readers, rightIn)
    if (faulty.length > 0) await markFaulty(d, faulty)
    if (mail) mails.push(mail)
    await turnsEnd() // others get their turn: a thousand mails take a while to write
  }
  return { mails, over, early }
}

/** False where there is more to look at: another changed something meanwhile, and nothing of this part is written then; or something waits for its own time. */
async function saveSome(d: Needs, { mails, over, early }: Saving): Promise<boolean> {
  const saved = await saveMails(d, mails, over)
  if (saved && mails.length > 0)
    d.log.info(
      { mails: mails.length, notices: mails.reduce((sum, { notices }) => sum + notices.length, 0) },
      'gathered mails',
    )
  return saved && !early
}
