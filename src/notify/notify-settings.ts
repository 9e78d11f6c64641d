import { z } from 'zod'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { PeopleError } from '../people/people-error.ts'
import { isTimeZone } from './digest-schedule.ts'

export const Every = z.enum(['immediately', 'daily', 'weekly', 'off'])
export type Every = z.infer<typeof Every>

/**
 * How a person wants to hear. `namespaces`: of these (by key) otherwise than `every`. `hour`: of the time zone, for daily mails, and on
 * Monday for weekly ones. `rebuilt`, `failed`, `still`: follow-ups wanted. What a PUT leaves out is as by default.
 */
export const NotifySettings = z
  .strictObject({
    every: Every.default('immediately'),
    timeZone: z.string().max(64).refine(isTimeZone, 'is no time zone, as Europe/Berlin is one').default('UTC'),
    hour: z.int().min(0).max(23).default(8),
    rebuilt: z.boolean().default(false),
    failed: z.boolean().default(true),
    still: z.boolean().default(true),
    namespaces: z.record(z.string().min(1).max(512), Every).default({}),
  })
  .refine(({ namespaces }) => Object.keys(namespaces).length <= 500, 'more than 500 namespaces')
export type NotifySettings = z.infer<typeof NotifySettings>

/** Error: `no-such-user`. */
export async function getNotifySettings({ db }: Pick<Deps, 'db'>, person: string): Promise<NotifySettings> {
  const known = await db.user.count({ where: { name: person } })
  if (known === 0) throw new PeopleError('no-such-user', `no user "${person}"`)
  const mine = await db.notifyPerson.findUnique({ where: { userName: person } })
  const own = await db.notifyNamespace.findMany({ where: { userName: person }, orderBy: { namespaceKey: 'asc' } })
  const { userName: _, ...said } = mine ?? { userName: person }
  const namespaces = Object.fromEntries(own.map(({ namespaceKey, every }) => [namespaceKey, every]))
  return NotifySettings.parse({ ...said, namespaces })
}

/** Any number, the same in every process: wishes are changed one after another, so that none is written over what was read before another. */
const settingsLock = 7_233_025

/**
 * In the place of what was there. What waits and is not wanted now is taken back: should it be wanted again, what is outdated still is told
 * anew. Key: the person. Error: `no-such-user`.
 */
export async function putNotifySettings(
  d: Pick<Deps, 'sql' | 'jobs'>,
  person: string,
  { every, timeZone, hour, rebuilt, failed, still, namespaces }: NotifySettings,
): Promise<void> {
  await d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${settingsLock})`
    const [known] = await tx`select 1 from person where name = ${person} for key share`
    if (!known) throw new PeopleError('no-such-user', `no user "${person}"`)
    await tx`
      insert into notify_person (user_name, every, time_zone, hour, rebuilt, failed, still)
      values (${person}, ${every}::every, ${timeZone}, ${hour}, ${rebuilt}, ${failed}, ${still})
      on conflict (user_name) do update set every = excluded.every, time_zone = excluded.time_zone, hour = excluded.hour,
        rebuilt = excluded.rebuilt, failed = excluded.failed, still = excluded.still`
    await tx`delete from notify_namespace where user_name = ${person}`
    await tx`
      insert into notify_namespace (user_name, namespace_key, every)
      select ${person}, own.key, own.every::every
      from unnest(${Object.keys(namespaces)}::text[], ${Object.values(namespaces)}::text[]) as own (key, every)`
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
  })
}

/**
 * What an unsubscribe link asks for: no mail of a namespace, or none at all; for the person and whoever else has their address, since the
 * mailbox is one. Answers how it was before, by person, so that it can be set back. Nothing else of their wishes is written, and mail
 * providers may follow several links of a mailbox at once: they are done one after another.
 */
export async function unsubscribe(
  d: Pick<Deps, 'sql' | 'jobs' | 'db'>,
  { person, namespace }: { person: string; namespace: string | null },
): Promise<Record<string, NotifySettings>> {
  return d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${settingsLock})`
    const names = await withSameAddress({ sql: tx }, person)
    const before: Record<string, NotifySettings> = {}
    for (const name of names) before[name] = await getNotifySettings(d, name)
    if (namespace === null) {
      await tx`
        insert into notify_person (user_name, every) select name, 'off'::every from unnest(${names}::text[]) as one (name)
        on conflict (user_name) do update set every = excluded.every`
      await tx`delete from notify_namespace where user_name = any(${names})`
    } else
      await tx`
        insert into notify_namespace (user_name, namespace_key, every) select name, ${namespace}, 'off'::every from unnest(${names}::text[]) as one (name)
        on conflict (user_name, namespace_key) do update set every = excluded.every`
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
    return before
  })
}

/** Whether nothing comes to that mailbox of it. */
export async function isUnsubscribed(
  d: Pick<Deps, 'sql' | 'db'>,
  { person, namespace }: { person: string; namespace: string | null },
): Promise<boolean> {
  for (const name of await withSameAddress(d, person)) {
    const { every, namespaces } = await getNotifySettings(d, name)
    const all = [every, ...Object.values(namespaces)]
    if (namespace === null ? all.some((one) => one !== 'off') : (namespaces[namespace] ?? every) !== 'off') return false
  }
  return true
}

const withSameAddress = async ({ sql }: { sql: Tx }, person: string): Promise<string[]> =>
  (
    await sql<{ name: string }[]>`
      select other.name from person p join person other on other.name = p.name or (p.email <> '' and lower(other.email) = lower(p.email))
      where p.name = ${person} order by other.name`
  ).map(({ name }) => name)
