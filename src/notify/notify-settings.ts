import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { PeopleError } from '../people/people-error.ts'
import { isTimeZone } from './digest-schedule.ts'

export const Every = z.enum(['immediately', 'daily', 'weekly', 'off'])
export type Every = z.infer<typeof Every>

/**
 * How a person wants to hear. `namespaces`: of these (by key) otherwise than `every`. `hour`: of the time zone, for daily mails, and on
 * Monday for weekly ones. `rebuilt`, `failed`, `still`: follow-ups wanted. What a PUT leaves out is as by default. What is stored may name more
 * namespaces, since an unsubscribe link is never refused, or a zone that is not known any more: limits hold for a PUT alone.
 */
export const StoredSettings = z.strictObject({
  every: Every.default('immediately'),
  timeZone: z.string().max(64).refine(isTimeZone, 'is no time zone, as Europe/Berlin is one').default('UTC'),
  hour: z.int().min(0).max(23).default(8),
  rebuilt: z.boolean().default(false),
  failed: z.boolean().default(true),
  still: z.boolean().default(true),
  namespaces: z.record(z.string().min(1).max(512), Every).default({}),
})
const hasRoom = ({ namespaces }: { namespaces: object }): boolean => Object.keys(namespaces).length <= 500
export const NotifySettings = StoredSettings.refine(hasRoom, 'more than 500 namespaces')
export type NotifySettings = z.infer<typeof NotifySettings>

/** A time zone that is not known here is UTC, as it is when mails are made. Error: `no-such-user`. */
export async function getNotifySettings({ db }: Pick<Deps, 'db'>, person: string): Promise<NotifySettings> {
  const known = await db.user.count({ where: { name: person } })
  if (known === 0) throw new PeopleError('no-such-user', `no user "${person}"`)
  const mine = await db.notifyPerson.findUnique({ where: { userName: person } })
  const own = await db.notifyNamespace.findMany({ where: { userName: person }, orderBy: { namespaceKey: 'asc' } })
  const { userName: _, ...said } = mine ?? { userName: person }
  const { timeZone, ...rest } = { ...NotifySettings.parse({}), ...said }
  const namespaces = Object.fromEntries(own.map(({ namespaceKey, every }) => [namespaceKey, every]))
  return { ...rest, timeZone: isTimeZone(timeZone) ? timeZone : 'UTC', namespaces }
}

/** Any number, the same in every process: wishes are changed one after another, so that none is written over what was read before another. */
export const settingsLock = 7_233_025

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
